/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/tls_identity.h - a key and a certificate, made at the start
 *
 * Everybody who serves has the same kind: P-256, signed by itself.
 */
#ifndef BENCH_PEERS_TLS_IDENTITY_H
#define BENCH_PEERS_TLS_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>

struct tls_identity {
    EVP_PKEY *key;
    X509 *certificate;
};

static inline bool tls_identity_make(struct tls_identity *identity) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    if (key == NULL || certificate == NULL) return false;
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    *identity = (struct tls_identity){ key, certificate };
    return X509_sign(certificate, key, EVP_sha256()) > 0;
}

#endif
