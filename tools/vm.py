#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/vm.py - runs a command under a kernel of the distribution

    tools/vm.py build/release/tests/test_tls_kernel
    tools/vm.py --memory 2G -- tools/run_tests ...

What this machine's own kernel cannot, such as TLS in the kernel, is tried under
Debian's: a virtual machine whose root is this machine's file system, with a
layer in memory above it, so that programs find all they need and change
nothing.  It has loopback alone for a network, and as many processors as asked.

Needs /dev/kvm, qemu-system-x86_64, busybox (static) and modprobe.  The kernel's
package is fetched by apt-get and unpacked below build/vm; it is not installed.

The command's output comes out here, and its exit status is ours.  125 says that
the machine could not be made, and why.
"""

import argparse
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACE = os.path.join(ROOT, "build", "vm")
PACKAGE = "linux-image-amd64"
PROGRAMS = ("qemu-system-x86_64", "busybox", "modprobe", "depmod", "cpio")
PACKAGES = "qemu-system-x86 busybox-static kmod cpio"

# To reach the root; the rest is loaded from there.
EARLY = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
STATUS = re.compile(r"^vm: status (\d+)\r?$", re.M)

# The kernel calls it when it lacks something.
MODPROBE = """#!/bin/busybox sh
exec /bin/busybox chroot /whole /sbin/modprobe "$@"
"""

INIT = """#!/bin/busybox sh
busybox mkdir -p /proc /sys /below /above /whole
busybox mount -t proc proc /proc
for module in {modules}; do busybox insmod /$module; done
busybox mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=262144,\\
cache=loose root /below
busybox mount -t tmpfs above /above
busybox mkdir -p /above/upper /above/work
busybox mount -t overlay -o \\
lowerdir=/below,upperdir=/above/upper,workdir=/above/work root /whole
busybox mount -t proc proc /whole/proc
busybox mount -t sysfs sys /whole/sys
busybox mount -t devtmpfs dev /whole/dev
busybox mkdir -p /whole/dev/pts /whole/dev/shm
busybox mount -t devpts pts /whole/dev/pts
busybox mount -t tmpfs shm /whole/dev/shm
busybox mount -t tmpfs run /whole/run
busybox mount -t tmpfs tmp /whole/tmp
busybox chmod 1777 /whole/tmp /whole/dev/shm
busybox ip link set lo up
busybox mkdir -p /whole/lib/modules
busybox mount --bind /whole{place}/lib/modules /whole/lib/modules
busybox chroot /whole /sbin/modprobe -a {late} 2>/dev/null
busybox ln -s /proc/self/fd /whole/dev/fd 2>/dev/null
busybox chroot /whole /bin/sh -c {command}
echo "vm: status $?"
busybox poweroff -f
"""


class Missing(Exception):
    """Raised where the machine cannot be made; says why."""


def call(*command, **options):
    """Runs a program.  Returns what it has said; Missing if it fails."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        raise Missing(f"{command[0]}: {done.stdout.strip()[-300:]}")
    return done.stdout


def accelerator():
    """KVM where the processor is one that a whole kernel runs on.

    There are hosts whose /dev/kvm takes guests that were made for it alone.
    """
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        flags = file.read().split()
    if os.access("/dev/kvm", os.R_OK | os.W_OK) and {"vmx", "svm"} & set(flags):
        return ["-accel", "kvm", "-cpu", "host"]
    return ["-accel", "tcg,thread=multi", "-cpu", "max"]


def need_tools():
    for name in PROGRAMS:
        if shutil.which(name) is None:
            raise Missing(f"{name} is not installed (apt-get install "
                          f"{PACKAGES})")


def kernel():
    """The kernel's version; fetches and unpacks it the first time."""
    found = glob.glob(os.path.join(PLACE, "boot", "vmlinuz-*"))
    if found:
        return os.path.basename(found[0])[len("vmlinuz-"):]
    if os.environ.get("BELAY_NO_INSTALL"):
        raise Missing("no kernel, and BELAY_NO_INSTALL is set")
    if shutil.which("apt-get") is None:
        raise Missing("no apt-get, to fetch a kernel with")
    depends = re.search(r"Depends: (linux-image-\S+)",
                        call("apt-cache", "depends", PACKAGE))
    if depends is None:
        raise Missing(f"apt-cache knows no {PACKAGE}")
    with tempfile.TemporaryDirectory() as directory:
        call("apt-get", "download", depends.group(1), cwd=directory)
        package = glob.glob(os.path.join(directory, "*.deb"))[0]
        call("dpkg", "-x", package, PLACE)
    version = depends.group(1)[len("linux-image-"):]
    version = re.sub(r"-unsigned$", "", version)
    call("depmod", "-b", PLACE, version)
    return version


def modules(version):
    """Files of the early modules, each after what it needs."""
    files = []
    for name in EARLY:
        listed = call("modprobe", "-d", PLACE, "-S", version, "--show-depends",
                      name)
        for line in listed.split("\n"):
            words = line.split()
            if len(words) > 1 and words[0] == "insmod":
                if words[1] not in files:
                    files.append(words[1])
    return files


def make_initrd(directory, version, command, late):
    files = modules(version)
    names = [os.path.basename(file) for file in files]
    for file in files:
        shutil.copy(file, directory)
    for name in ("bin", "sbin"):
        os.mkdir(os.path.join(directory, name))
    shutil.copy(shutil.which("busybox"), os.path.join(directory, "bin"))
    init = INIT.format(modules=" ".join(names), place=PLACE,
                       late=" ".join(late), command=shlex.quote(command))
    for name, text in (("init", init), ("sbin/modprobe", MODPROBE)):
        with open(os.path.join(directory, name), "w",
                  encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(directory, name), 0o755)
    initrd = directory + ".cpio"
    listing = "\n".join(["bin", "bin/busybox", "sbin", "sbin/modprobe", "init",
                         *names]) + "\n"
    with open(initrd, "wb") as file:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=directory,
                       input=listing.encode(), stdout=file, check=True)
    return initrd


def boot(version, initrd, options):
    """Boots, shows what comes, and returns the status of the command."""
    command = [
        "qemu-system-x86_64", *accelerator(), "-nographic", "-no-reboot", "-nic", "none",
        "-m", options.memory, "-smp", str(options.processors),
        "-kernel", os.path.join(PLACE, "boot", "vmlinuz-" + version),
        "-initrd", initrd, "-append",
        "console=ttyS0 quiet panic=-1 no_timer_check "
        "loglevel=3 random.trust_cpu=on",
        "-virtfs", "local,path=/,mount_tag=root,security_model=none,"
        "readonly=on,multidevs=remap"]
    status = None
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          errors="replace") as machine:
        # Whoever ends this program ends the machine.
        signal.signal(signal.SIGTERM, lambda *_: machine.kill())
        for line in machine.stdout:
            said = STATUS.match(line)
            if said:
                status = int(said.group(1))
            else:
                sys.stdout.write(line.replace("\r\n", "\n"))
                sys.stdout.flush()
    if status is None:
        raise Missing("the machine stopped before the command had ended")
    return status


def main(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--processors", type=int, default=2)
    parser.add_argument("--module", action="append", default=[],
                        help="to be loaded before the command; repeated")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    inside = f"cd {shlex.quote(os.getcwd())}; " + shlex.join(options.command)
    try:
        need_tools()
        version = kernel()
        with tempfile.TemporaryDirectory() as directory:
            place = os.path.join(directory, "initrd")
            os.mkdir(place)
            initrd = make_initrd(place, version, inside, options.module)
            return boot(version, initrd, options)
    except Missing as reason:
        print(f"vm: {reason}")
        return 125


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
