#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/peers/peer.py - clients and servers that Python has in itself

    peer.py tcp-clients PORT COUNT     so many at a time are echoed to
    peer.py tcp-server                 echoes
    peer.py tcp-reset PORT             connects, says a byte, resets
    peer.py udp-server                 echoes
    peer.py fd-client PATH             sends a file and gets one back
    peer.py tls-server CERT KEY ROOTS  asks for a certificate, echoes
    peer.py tls-client PORT CERT KEY ROOTS

A server prints its address first, a client "done" at the end.  What is not as
it should be is an exception, and so an exit status.
"""

import asyncio
import os
import socket
import ssl
import struct
import sys

MUCH = bytes(i * 31 % 253 for i in range(100_000))


def say(*words):
    print(*words, flush=True)


# ---- TCP, by asyncio --------------------------------------------------------


async def tcp_client(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def write():
        writer.write(MUCH)
        await writer.drain()
        writer.write_eof()

    got, _ = await asyncio.gather(reader.read(-1), write())
    assert got == MUCH, len(got)
    writer.close()
    await writer.wait_closed()


async def tcp_clients(port, count):
    await asyncio.gather(*(tcp_client(int(port)) for _ in range(int(count))))
    say("done")


async def tcp_echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def tcp_server(tls=None):
    server = await asyncio.start_server(tcp_echo, "127.0.0.1", 0, ssl=tls)
    say("%s:%d" % server.sockets[0].getsockname())
    await server.serve_forever()


def tcp_reset(port):
    with socket.create_connection(("127.0.0.1", int(port))) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"y"
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    say("done")


# ---- UDP, and descriptors ---------------------------------------------------


def udp_server():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    say("%s:%d" % sock.getsockname())
    while True:
        data, sender = sock.recvfrom(65536)
        sock.sendto(data, sender)


def fd_client(path):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        read_end, write_end = os.pipe()
        socket.send_fds(sock, [b"a pipe"], [write_end])
        os.close(write_end)
        assert os.read(read_end, 100) == b"by the pipe"
        data, fds, _, _ = socket.recv_fds(sock, 100, 4)
        assert data == b"a file", data
        assert len(fds) == 1, fds
        assert os.read(fds[0], 100) == b"in the file"
    say("done")


# ---- TLS --------------------------------------------------------------------


def tls_context(purpose, cert, key, roots):
    context = ssl.create_default_context(purpose, cafile=roots)
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["echo"])
    return context


def tls_server(cert, key, roots):
    context = tls_context(ssl.Purpose.CLIENT_AUTH, cert, key, roots)
    context.verify_mode = ssl.CERT_REQUIRED
    return tcp_server(context)


def tls_client(port, cert, key, roots):
    context = tls_context(ssl.Purpose.SERVER_AUTH, cert, key, roots)
    with socket.create_connection(("127.0.0.1", int(port))) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            assert sock.version() == "TLSv1.3", sock.version()
            assert sock.selected_alpn_protocol() == "echo"
            sock.sendall(MUCH[:10_000])
            got = b""
            while len(got) < 10_000:
                got += sock.recv(65536)
            assert got == MUCH[:10_000]
            sock.unwrap()  # both say goodbye
    say("done")


def main():
    verb = globals()[sys.argv[1].replace("-", "_")]
    result = verb(*sys.argv[2:])
    if asyncio.iscoroutine(result):
        asyncio.run(result)


if __name__ == "__main__":
    main()
