/* SPDX-License-Identifier: MIT */
/*
 * tls/pki.c - certificates made while the test runs
 */
#include "tls/pki.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

enum {
    TEXT_BYTES_MAX = 4096
};

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char *pem;
};

/* Texts stay until the process ends, and are not forgotten. */
struct text {
    struct text *next;
    char bytes[TEXT_BYTES_MAX];
};

static struct text *texts;
static struct authority ours;
static struct authority strangers;

/* What was written to `bio`, as text; frees the BIO. */
static char *take_text(BIO *bio) {
    struct text *text = calloc(1, sizeof *text);
    REQUIRE(text != NULL);
    REQUIRE_GT(BIO_read(bio, text->bytes, TEXT_BYTES_MAX - 1), 0);
    BIO_free(bio);
    text->next = texts;
    texts = text;
    return text->bytes;
}

static char *certificate_text(X509 *certificate) {
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE_EQ(PEM_write_bio_X509(bio, certificate), 1);
    return take_text(bio);
}

static void add_extension(X509 *certificate, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    REQUIRE(extension != NULL);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *unsigned_certificate(const struct pki_wish *wish, EVP_PKEY *key) {
    X509 *certificate = X509_new();
    REQUIRE(certificate != NULL);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate),
                     wish->serial != 0 ? wish->serial : 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate),
                    wish->begins_s != 0 ? wish->begins_s : -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate),
                    wish->ends_s != 0 ? wish->ends_s : 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN",
                               MBSTRING_ASC, (const unsigned char *)wish->name,
                               -1, -1, 0);
    return certificate;
}

static void make_authority(struct authority *authority, const char *name) {
    if (authority->pem != NULL) return;
    struct pki_wish wish = { .name = name, .serial = 1 };
    authority->key = EVP_EC_gen("P-256");
    REQUIRE(authority->key != NULL);
    X509 *certificate = unsigned_certificate(&wish, authority->key);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(certificate, NID_subject_key_identifier, "hash");
    REQUIRE_GT(X509_sign(certificate, authority->key, EVP_sha256()), 0);
    authority->certificate = certificate;
    authority->pem = certificate_text(certificate);
}

static const struct authority *authority_get(void) {
    make_authority(&ours, "The authority");
    return &ours;
}

const char *pki_root(void) {
    return authority_get()->pem;
}

const char *pki_stranger(void) {
    make_authority(&strangers, "A stranger");
    return strangers.pem;
}

struct pki_cert pki_make(struct pki_wish wish) {
    const struct authority *authority = authority_get();
    struct pki_cert made;
    char names[300];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    REQUIRE(key != NULL);
    X509 *certificate = unsigned_certificate(&wish, key);
    snprintf(names, sizeof names, "DNS:%s", wish.name);
    add_extension(certificate, NID_subject_alt_name,
                  wish.names != NULL ? wish.names : names);
    const X509 *issuer =
        wish.is_self_signed ? certificate : authority->certificate;
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    REQUIRE_GT(X509_sign(certificate,
                         wish.is_self_signed ? key : authority->key,
                         EVP_sha256()),
               0);
    made.certificate = certificate_text(certificate);
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE_EQ(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL),
               1);
    made.key = take_text(bio);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

struct pki_cert pki_named(const char *name) {
    return pki_make((struct pki_wish){ .name = name });
}

char *pki_list(long serial) {
    const struct authority *authority = authority_get();
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60);
    ASN1_TIME *next = X509_gmtime_adj(NULL, 3600);
    REQUIRE(list != NULL && now != NULL && next != NULL);
    X509_CRL_set_version(list, 1);
    X509_CRL_set_issuer_name(list,
                             X509_get_subject_name(authority->certificate));
    X509_CRL_set1_lastUpdate(list, now);
    X509_CRL_set1_nextUpdate(list, next);
    if (serial != 0) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ASN1_INTEGER *number = ASN1_INTEGER_new();
        ASN1_INTEGER_set(number, serial);
        X509_REVOKED_set_serialNumber(entry, number);
        X509_REVOKED_set_revocationDate(entry, now);
        X509_CRL_add0_revoked(list, entry);
        ASN1_INTEGER_free(number);
    }
    REQUIRE_GT(X509_CRL_sign(list, authority->key, EVP_sha256()), 0);
    BIO *bio = BIO_new(BIO_s_mem());
    REQUIRE_EQ(PEM_write_bio_X509_CRL(bio, list), 1);
    X509_CRL_free(list);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    return take_text(bio);
}
