/* SPDX-License-Identifier: MIT */
/*
 * http/status.c - the names of methods and of status codes
 */
#include "http/http.h"

/* ---- methods ------------------------------------------------------------ */

static const char *const method_names[] = {
    [BL_HTTP_GET] = "GET",         [BL_HTTP_HEAD] = "HEAD",
    [BL_HTTP_POST] = "POST",       [BL_HTTP_PUT] = "PUT",
    [BL_HTTP_DELETE] = "DELETE",   [BL_HTTP_PATCH] = "PATCH",
    [BL_HTTP_OPTIONS] = "OPTIONS", [BL_HTTP_CONNECT] = "CONNECT",
    [BL_HTTP_TRACE] = "TRACE",
};

enum {
    METHOD_COUNT = sizeof method_names / sizeof *method_names
};

const char *bl_http_method_name(bl_http_method method) {
    if ((unsigned)method >= METHOD_COUNT) return NULL;
    return method_names[method];
}

bl_http_method bl_http_method_of(const char *name) {
    if (name == NULL) return BL_HTTP_OTHER;
    for (unsigned i = BL_HTTP_GET; i < METHOD_COUNT; i++) {
        if (strcmp(name, method_names[i]) == 0) return (bl_http_method)i;
    }
    return BL_HTTP_OTHER;
}

/* ---- status codes ------------------------------------------------------- */

static const char *reason_known(int status) {
    switch (status) {
    case 100: return "Continue";
    case 101: return "Switching Protocols";
    case 103: return "Early Hints";
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 203: return "Non-Authoritative Information";
    case 204: return "No Content";
    case 205: return "Reset Content";
    case 206: return "Partial Content";
    case 300: return "Multiple Choices";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 303: return "See Other";
    case 304: return "Not Modified";
    case 307: return "Temporary Redirect";
    case 308: return "Permanent Redirect";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 402: return "Payment Required";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 411: return "Length Required";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 426: return "Upgrade Required";
    case 428: return "Precondition Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 451: return "Unavailable For Legal Reasons";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    case 507: return "Insufficient Storage";
    case 511: return "Network Authentication Required";
    default: return NULL;
    }
}

const char *bl_http_reason(int status) {
    static const char *const classes[] = {
        "Unknown",     "Informational", "Success",
        "Redirection", "Client Error",  "Server Error",
    };
    const char *known = reason_known(status);
    if (known != NULL) return known;
    return status >= 100 && status < 600 ? classes[status / 100] : classes[0];
}

int bl_http_status_of(int code) {
    switch (code) {
    case BL_EHTTP_MALFORMED:
    case BL_EHTTP_TRUNCATED: return 400;
    case BL_EHTTP_BODY_SIZE: return 413;
    case BL_EHTTP_TARGET_SIZE: return 414;
    case BL_EHTTP_EXPECT: return 417;
    case BL_EHTTP_HEAD_SIZE: return 431;
    case BL_EHTTP_METHOD:
    case BL_EHTTP_CODING: return 501;
    case BL_EHTTP_VERSION: return 505;
    default: return 500;
    }
}
