/* SPDX-License-Identifier: MIT */
/*
 * http/redirect.c - responses that send the client somewhere else
 *
 *     301, 302   POST becomes GET, others stay
 *     303        all but HEAD become GET
 *     307, 308   all stay as they are
 *
 * A redirect that cannot be followed without the body that is gone is no error:
 * the user gets it.  One that should not be followed, since it never ends or
 * gives the transport's safety up, is one.
 *
 * What was meant for one origin is not said to another, nor said again if a
 * chain of redirects comes back.  A name and password that a redirect brings
 * along are passed over.
 */
#include <belay/error.h>

#include "http/client.h"

static bool is_redirect(int status) {
    switch (status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: return true;
    default: return false;
    }
}

/* Whether the next request is a GET, whatever this one was. */
static bool becomes_get(const struct bl__http_order *order, int status) {
    if (bl__http_order_is(order, "HEAD")) return false;
    if (status == 303) return true;
    if (status == 307 || status == 308) return false;
    return bl__http_order_is(order, "POST");
}

/* Whether the same body can be sent again. */
static bool can_send_again(const struct bl__http_order *order) {
    return order->source == NULL && !order->is_written;
}

int bl__http_redirect(bl_http_call *call) {
    const bl_http_client_options *options = &call->client->options;
    const bl__http_head *head = &call->head;
    struct bl__http_order *order = &call->order;
    if (!is_redirect(head->status) || options->redirects_max < 0) return 0;
    size_t index = 0;
    const char *location =
        bl_http_fields_next(&head->fields, "Location", &index);
    if (location == NULL) return 0;
    bool is_get = becomes_get(order, head->status);
    if (!is_get && !can_send_again(order)) return 0;

    if (bl_http_fields_next(&head->fields, "Location", &index) != NULL) {
        return BL_ERR(BL_EHTTP_REDIRECT, "a redirect to two places");
    }
    if (call->redirects == options->redirects_max) {
        return BL_ERR(BL_EHTTP_REDIRECT, "more than %d redirects",
                      options->redirects_max);
    }
    bl_url url;
    int rc = bl_url_resolve(&call->url, location, &url);
    if (rc == BL_ENOMEM) return rc;
    if (rc < 0) {
        return BL_ERR(BL_EHTTP_REDIRECT, "a redirect to nowhere: %s",
                      bl_error_message(bl_error_current(rc)));
    }
    bool is_downgrade = call->url.is_secure && !url.is_secure;
    if (is_downgrade && !options->allows_downgrades) {
        bl_url_done(&url);
        return BL_ERR(BL_EHTTP_REDIRECT, "a redirect from https to http");
    }

    if (is_get) bl__http_order_drop_body(order, "GET");
    if (!bl_url_is_same_origin(&call->url, &url)) {
        bl__http_order_drop_secrets(order);
    }
    bl_url_done(&call->url);
    call->url = url;
    call->redirects++;
    call->client->stats.redirected++;
    return 1;
}
