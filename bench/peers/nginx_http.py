#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/peers/nginx_http.py - nginx with a file of 13 bytes, in one process

Becomes nginx, at a port that was free just now; a child of it prints the port
as soon as somebody listens there.
"""

import os
import socket
import tempfile
import time

CONFIG = """
daemon off; master_process off; worker_processes 1;
pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; default_type text/plain;
  sendfile on; tcp_nodelay on; open_file_cache max=10;
  server {{
    listen 127.0.0.1:{port};
    root {folder}; index index.txt;
  }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def say_when_ready(port):
    """Nginx has no way to say that it listens."""
    for _ in range(1000):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                print(port, flush=True)
                return
        time.sleep(0.01)


def main():
    # It is killed in the end, and so its folder is one that is used again.
    folder = os.path.join(tempfile.gettempdir(), f"belay-nginx-{os.getuid()}")
    os.makedirs(folder, mode=0o755, exist_ok=True)
    port = free_port()
    config = os.path.join(folder, "nginx.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(folder=folder, port=port))
    with open(os.path.join(folder, "index.txt"), "w",
              encoding="utf-8") as file:
        file.write("Hello, world!")
    if os.fork() == 0:
        say_when_ready(port)
        os._exit(0)
    os.execvp("nginx", ["nginx", "-p", folder, "-e", "/dev/null",
                        "-c", config])


if __name__ == "__main__":
    main()
