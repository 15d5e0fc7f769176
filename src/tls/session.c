/* SPDX-License-Identifier: MIT */
/*
 * tls/session.c - the sessions that a client may resume
 *
 * One for each host, in a small table: the newest replaces the one that was
 * there, and a host without a place takes the next one, round and round.
 */
#include <string.h>

#include "base/alloc.h"
#include "tls/tls.h"

static void session_clear(struct bl__tls_session *entry) {
    bl__free(entry->host);
    SSL_SESSION_free(entry->session);
    *entry = (struct bl__tls_session){ 0 };
}

static struct bl__tls_session *session_find(bl_tls_context *context,
                                            const char *host) {
    for (int i = 0; i < BL__TLS_SESSIONS_MAX; i++) {
        struct bl__tls_session *entry = &context->sessions[i];
        if (entry->host != NULL && strcmp(entry->host, host) == 0) {
            return entry;
        }
    }
    return NULL;
}

void bl__tls_session_keep(bl_tls_context *context, const SSL_CTX *ctx,
                          const char *host, SSL_SESSION *session) {
    size_t bytes = strlen(host) + 1;
    char *name = bl__alloc(bytes);
    if (name == NULL) { /* then the next connection shakes hands in full */
        SSL_SESSION_free(session);
        return;
    }
    memcpy(name, host, bytes);
    struct bl__tls_session old = { .host = name, .session = session };

    pthread_mutex_lock(&context->mutex);
    if (context->ctx == ctx) {
        struct bl__tls_session *entry = session_find(context, host);
        if (entry == NULL) {
            entry = &context->sessions[context->session_next];
            context->session_next =
                (context->session_next + 1) % BL__TLS_SESSIONS_MAX;
        }
        struct bl__tls_session kept = old;
        old = *entry;
        *entry = kept;
    }
    pthread_mutex_unlock(&context->mutex);
    session_clear(&old);
}

SSL_SESSION *bl__tls_session_take(bl_tls_context *context, const char *host) {
    struct bl__tls_session taken = { 0 };
    pthread_mutex_lock(&context->mutex);
    struct bl__tls_session *entry = session_find(context, host);
    if (entry != NULL) {
        taken = *entry;
        *entry = (struct bl__tls_session){ 0 };
    }
    pthread_mutex_unlock(&context->mutex);
    bl__free(taken.host);
    return taken.session;
}

void bl__tls_sessions_clear(bl_tls_context *context) {
    for (int i = 0; i < BL__TLS_SESSIONS_MAX; i++) {
        session_clear(&context->sessions[i]);
    }
}
