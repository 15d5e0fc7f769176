#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/tls/corpus/record.py - records the handshakes that inputs begin with

    tests/tls/corpus/record.py     writes client/*.tls and server/*.tls anew

Each file is one flight, as OpenSSL sends it: what a client says first, with
different wishes, and what a server answers.  test_fuzz.c spoils them.
"""

import os
import ssl
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def write(folder, name, data):
    path = os.path.join(HERE, folder, name + ".tls")
    with open(path, "wb") as file:
        file.write(data)


def shake(name, version, cert, key, alpn=None, asks=False):
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.load_verify_locations(cert)
    client.load_cert_chain(cert, key)
    server.load_cert_chain(cert, key)
    if asks:
        server.load_verify_locations(cert)
        server.verify_mode = ssl.CERT_REQUIRED
    for context in client, server:
        context.minimum_version = context.maximum_version = version
        if alpn:
            context.set_alpn_protocols(alpn)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(to_client, to_server, server_hostname="localhost"),
            server.wrap_bio(to_server, to_client, server_side=True)]
    flights = {"client": b"", "server": b""}
    for turn in range(6):
        side = ("client", "server")[turn % 2]
        bio_in, bio_out = ((to_client, to_server) if side == "client"
                           else (to_server, to_client))
        try:
            ends[turn % 2].do_handshake()
        except ssl.SSLWantReadError:
            pass
        data = bio_out.read()
        flights[side] += data
        bio_out.write(data)
    for side, data in flights.items():
        write(side, name, data)


def main():
    with tempfile.TemporaryDirectory() as folder:
        cert, key = folder + "/cert.pem", folder + "/key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-days", "36500"], check=True, stderr=subprocess.DEVNULL)
        old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
        shake("1.2", old, cert, key)
        shake("1.2-asks", old, cert, key, asks=True)
        shake("1.3", new, cert, key)
        shake("1.3-alpn", new, cert, key, alpn=["h2", "http/1.1"])
        shake("1.3-asks", new, cert, key, asks=True)


if __name__ == "__main__":
    main()
