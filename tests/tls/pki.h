/* SPDX-License-Identifier: MIT */
/*
 * tls/pki.h - certificates made while the test runs
 *
 * An authority signs what a test asks for; everything is PEM in static memory
 * that lives as long as the process.  Keys are P-256, which are made at once.
 */
#ifndef TLS_PKI_H
#define TLS_PKI_H

#include <stdbool.h>

/* What a certificate says; zero means default. */
struct pki_wish {
    const char *name;  /* common name, and the only name that it is for */
    const char *names; /* "DNS:a,IP:127.0.0.1", instead */
    long begins_s;     /* from now */
    long ends_s;       /* from now; default: an hour */
    long serial;
    bool is_self_signed;
};

struct pki_cert {
    char *certificate;
    char *key;
};

/* The authority's own certificate. */
const char *pki_root(void);

/* Another authority's, whom nobody here asked for anything. */
const char *pki_stranger(void);

/* A certificate, signed by the authority. */
struct pki_cert pki_make(struct pki_wish wish);

/* The same with only a name. */
struct pki_cert pki_named(const char *name);

/* The authority's list of what it has revoked: one serial number, or 0. */
char *pki_list(long serial);

#endif
