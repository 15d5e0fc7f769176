/* SPDX-License-Identifier: MIT */
/*
 * tls/fault.c - what OpenSSL says went wrong, as codes and text
 *
 * OpenSSL keeps a queue of errors for each thread.  It is emptied before each
 * call and read right after it, with no wait between the two, so tasks of one
 * thread never see each other's.
 */
#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "tls/tls.h"

/* Alerts of the peer are reported as reasons from here on. */
#define REASON_IS_ALERT(reason) \
    ((reason) > SSL_AD_REASON_OFFSET && (reason) <= SSL_AD_REASON_OFFSET + 255)

static int code_of_verification(long result) {
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return BL_ECERTNAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return BL_ECERTEXPIRED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: return BL_ECERTUNKNOWN;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return BL_ECERTSELF;
    case X509_V_ERR_CERT_REVOKED: return BL_ECERTREVOKED;
    case X509_V_ERR_OUT_OF_MEM: return BL_ENOMEM;
    default: return BL_ECERT;
    }
}

static const char *reason_text(unsigned long error) {
    const char *text = ERR_reason_error_string(error);
    return text != NULL ? text : "OpenSSL does not say why";
}

static int code_of_reason(int reason) {
    if (REASON_IS_ALERT(reason)) return BL_ETLSALERT;
    if (reason == ERR_R_MALLOC_FAILURE) return BL_ENOMEM;
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) return BL_ECERT;
    return BL_ETLS;
}

int bl__tls_fault(struct bl__tls *tls) {
    unsigned long error = ERR_peek_error();
    long verification = SSL_get_verify_result(tls->ssl);
    int reason = ERR_GET_REASON(error);
    ERR_clear_error();
    if (tls->is_starved) return BL_ENOMEM;
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && tls->is_verifying) {
        return BL_ERR(code_of_verification(verification),
                      "the certificate of %s was refused: %s",
                      tls->host[0] != '\0' ? tls->host : "the peer",
                      X509_verify_cert_error_string(verification));
    }
    int code = code_of_reason(reason);
    return BL_ERR(code, "TLS: %s", reason_text(error));
}

int bl__tls_failed(const struct bl__tls *tls) {
    if (bl_error_current(tls->failure) != NULL) return tls->failure;
    return BL_ERR(tls->failure, "the TLS connection has failed before: %s",
                  bl_strerror(tls->failure));
}

int bl__tls_fault_of_loading(const char *what) {
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_REASON(error);
    ERR_clear_error();
    if (reason == ERR_R_MALLOC_FAILURE) return BL_ENOMEM;
    return BL_ERR(BL_ECERT, "%s: %s", what, reason_text(error));
}
