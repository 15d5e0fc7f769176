/* SPDX-License-Identifier: MIT */
/*
 * http/url.c - addresses of the web: read strictly, and resolved
 *
 * uriparser knows RFC 3986: it takes a reference apart and resolves it against
 * a base.  What is stricter here than the grammar (which hosts and ports there
 * are, that no byte needs an interpretation) is checked around it.  An absolute
 * URL is resolved as well, against a base of no account, since that takes the
 * dots out of its path.
 *
 * A bl_url is one block of memory, which holds all of its texts.
 *
 * Invariant: url->_memory != NULL <-> the texts of the url are in it.
 */
#include <belay/error.h>
#include <belay/http/url.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <uriparser/Uri.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "http/http.h"

enum {
    URL_HOST_BYTES_MAX = 253, /* of a name, as the DNS has it */
    URL_LABEL_BYTES_MAX = 63,
    URL_PORT_HTTP = 80,
    URL_PORT_HTTPS = 443,
    /* "https", "://", brackets, a colon, a port, an address, their NULs */
    URL_OVERHEAD_BYTES = 256
};

/* A base that nothing of remains of after an absolute URL was resolved. */
static const char url_no_base[] = "http://nowhere.invalid/";

/* ---- memory for uriparser ----------------------------------------------- */

static void *url_malloc(UriMemoryManager *manager, size_t bytes) {
    (void)manager;
    return bl__alloc(bytes);
}

static void *url_realloc(UriMemoryManager *manager, void *memory,
                         size_t bytes) {
    (void)manager;
    return bl_realloc(memory, bytes);
}

static void url_free(UriMemoryManager *manager, void *memory) {
    (void)manager;
    bl__free(memory);
}

static void *url_calloc(UriMemoryManager *manager, size_t count,
                        size_t item_bytes) {
    (void)manager;
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes)) return NULL;
    return bl__http_new(bytes);
}

static UriMemoryManager url_memory = {
    .malloc = url_malloc,
    .calloc = url_calloc,
    .realloc = url_realloc,
    .reallocarray = uriEmulateReallocarray,
    .free = url_free,
};

/* ---- characters ---------------------------------------------------------- */

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static char to_lower(char byte) {
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* Says what is wrong with a byte that no URL can contain. */
static int url_check_bytes(const char *text) {
    size_t length = strnlen(text, BL_URL_BYTES_MAX + 1);
    if (length > BL_URL_BYTES_MAX) {
        return BL_ERR(BL_EMSGSIZE, "a URL of more than %d bytes",
                      BL_URL_BYTES_MAX);
    }
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x80) {
            return BL_ERR(BL_EINVAL,
                          "a URL with a letter beyond ASCII at offset %zu: "
                          "encode it (%%..), or the host (xn--...)",
                          i);
        }
        if (byte <= ' ' || byte == 0x7f) {
            return BL_ERR(BL_EINVAL,
                          "a URL with a space or control character at "
                          "offset %zu",
                          i);
        }
    }
    return 0;
}

/* ---- hosts and ports ----------------------------------------------------- */

static size_t range_length(const UriTextRangeA *range) {
    return range->first == NULL ? 0 : (size_t)(range->afterLast - range->first);
}

/* Resolvers read "0x7f.1" and "127.1" as addresses; here they are neither. */
static bool label_is_number(const char *label, size_t length) {
    if (length > 1 && label[0] == '0' && to_lower(label[1]) == 'x') return true;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(label[i])) return false;
    }
    return length > 0;
}

static bool label_is_valid(const char *label, size_t length) {
    if (length == 0 || length > URL_LABEL_BYTES_MAX) return false;
    for (size_t i = 0; i < length; i++) {
        char byte = label[i];
        if (is_letter(byte) || is_digit(byte)) continue;
        if (byte != '-' && byte != '_') return false;
    }
    return true;
}

/* A name of labels, maybe with a dot at its end. */
static bool name_is_valid(const char *name, size_t length) {
    if (length > 0 && name[length - 1] == '.') length--;
    if (length == 0 || length > URL_HOST_BYTES_MAX) return false;
    const char *end = name + length;
    for (;;) {
        const char *dot = memchr(name, '.', (size_t)(end - name));
        const char *stop = dot == NULL ? end : dot;
        size_t label_length = (size_t)(stop - name);
        if (!label_is_valid(name, label_length)) return false;
        if (dot == NULL) return !label_is_number(name, label_length);
        name = dot + 1;
    }
}

static int url_check_host(const UriUriA *uri) {
    size_t length = range_length(&uri->hostText);
    if (length == 0) return BL_ERR(BL_EINVAL, "a URL without a host");
    if (uri->hostData.ip6 != NULL || uri->hostData.ip4 != NULL) return 0;
    if (uri->hostData.ipFuture.first == NULL) {
        if (name_is_valid(uri->hostText.first, length)) return 0;
    }
    return BL_ERR(BL_EINVAL, "a URL whose host is neither a name nor an "
                             "address");
}

static int url_read_port(const UriUriA *uri, bool is_secure, uint16_t *port) {
    size_t length = range_length(&uri->portText);
    unsigned value = 0;
    if (length == 0) {
        *port = is_secure ? URL_PORT_HTTPS : URL_PORT_HTTP;
        return 0;
    }
    for (size_t i = 0; i < length && value <= UINT16_MAX; i++) {
        value = value * 10 + (unsigned)(uri->portText.first[i] - '0');
    }
    if (value == 0 || value > UINT16_MAX) {
        return BL_ERR(BL_EINVAL, "a URL whose port is not 1 to 65535");
    }
    *port = (uint16_t)value;
    return 0;
}

/* ---- putting the texts together ------------------------------------------ */

/* Texts are laid one behind the other into a block that is large enough. */
struct url_block {
    char *at;
    char *end;
};

static void put(struct url_block *block, const char *bytes, size_t count) {
    BL__ASSERT(count < (size_t)(block->end - block->at));
    memcpy(block->at, bytes, count);
    block->at += count;
}

static void put_text(struct url_block *block, const char *text) {
    put(block, text, strlen(text));
}

static void put_range(struct url_block *block, const UriTextRangeA *range) {
    if (range->first != NULL) put(block, range->first, range_length(range));
}

/* Ends the text that was begun at `text`, and returns it. */
static const char *put_end(struct url_block *block, char *text) {
    BL__ASSERT(block->at < block->end);
    *block->at++ = '\0';
    return text;
}

static const char *put_host(struct url_block *block, const UriUriA *uri) {
    char *text = block->at;
    char address[INET6_ADDRSTRLEN];
    if (uri->hostData.ip6 != NULL) {
        /* One address has many spellings; a connection is found by one. */
        put_text(block, inet_ntop(AF_INET6, uri->hostData.ip6->data, address,
                                  sizeof address));
        return put_end(block, text);
    }
    put_range(block, &uri->hostText);
    for (char *byte = text; byte < block->at; byte++)
        *byte = to_lower(*byte);
    return put_end(block, text);
}

static const char *put_authority(struct url_block *block, const bl_url *url) {
    char *text = block->at;
    int usual = url->is_secure ? URL_PORT_HTTPS : URL_PORT_HTTP;
    if (url->is_v6) put_text(block, "[");
    put_text(block, url->host);
    if (url->is_v6) put_text(block, "]");
    if (url->port != usual) {
        int length = snprintf(block->at, (size_t)(block->end - block->at),
                              ":%u", (unsigned)url->port);
        block->at += length;
    }
    return put_end(block, text);
}

static const char *put_optional(struct url_block *block,
                                const UriTextRangeA *range) {
    char *text = block->at;
    if (range->first == NULL) return NULL;
    put_range(block, range);
    return put_end(block, text);
}

/* The whole; the target is the end of it. */
static void put_whole(struct url_block *block, const UriUriA *uri,
                      bl_url *url) {
    char *text = block->at;
    put_text(block, url->scheme);
    put_text(block, "://");
    put_text(block, url->authority);
    url->target = block->at;
    if (uri->pathHead == NULL) put_text(block, "/");
    for (const UriPathSegmentA *segment = uri->pathHead; segment != NULL;
         segment = segment->next) {
        put_text(block, "/");
        put_range(block, &segment->text);
    }
    if (uri->query.first != NULL) put_text(block, "?");
    put_range(block, &uri->query);
    url->text = put_end(block, text);
}

/* Makes a URL of what uriparser has read and resolved. */
static int url_make(const UriUriA *uri, size_t bytes_max, bl_url *url) {
    bl_url made = { .is_v6 = uri->hostData.ip6 != NULL };
    made.is_secure = range_length(&uri->scheme) == strlen("https");
    made.scheme = made.is_secure ? "https" : "http";
    int rc = url_check_host(uri);
    if (rc < 0) return rc;
    rc = url_read_port(uri, made.is_secure, &made.port);
    if (rc < 0) return rc;

    /* Host and authority are there twice and thrice, as of all the rest. */
    size_t bytes = 3 * bytes_max + URL_OVERHEAD_BYTES;
    made._memory = bl__alloc(bytes);
    if (made._memory == NULL) return BL_ENOMEM;
    struct url_block block = { made._memory, made._memory + bytes };
    made.host = put_host(&block, uri);
    made.authority = put_authority(&block, &made);
    made.userinfo = put_optional(&block, &uri->userInfo);
    made.fragment = put_optional(&block, &uri->fragment);
    put_whole(&block, uri, &made);
    if (strlen(made.text) > BL_URL_BYTES_MAX) {
        bl_url_done(&made);
        return BL_ERR(BL_EMSGSIZE, "a URL that resolves to more than %d bytes",
                      BL_URL_BYTES_MAX);
    }
    *url = made;
    return 0;
}

/* ---- resolving ----------------------------------------------------------- */

static bool scheme_is(const UriUriA *uri, const char *scheme) {
    size_t length = strlen(scheme);
    if (range_length(&uri->scheme) != length) return false;
    for (size_t i = 0; i < length; i++) {
        if (to_lower(uri->scheme.first[i]) != scheme[i]) return false;
    }
    return true;
}

static int url_check_scheme(const UriUriA *uri) {
    if (scheme_is(uri, "http") || scheme_is(uri, "https")) return 0;
    return BL_ERR(BL_ENOTSUP, "a URL whose scheme is neither http nor https");
}

static int url_read(const char *text, UriUriA *uri) {
    const char *where = text;
    int status = uriParseSingleUriExMmA(uri, text, text + strlen(text), &where,
                                        &url_memory);
    if (status == URI_SUCCESS) return 0;
    if (status == URI_ERROR_MALLOC) return BL_ENOMEM;
    return BL_ERR(BL_EINVAL, "not a URL from offset %zu on",
                  (size_t)(where - text));
}

static int url_resolve(const char *base_text, const char *text, bl_url *url) {
    UriUriA base, reference, uri;
    int rc = url_read(base_text, &base);
    if (rc < 0) return rc;
    rc = url_read(text, &reference);
    if (rc < 0) goto free_base;
    if (base_text == url_no_base && reference.scheme.first == NULL) {
        rc = BL_ERR(BL_EINVAL, "a URL without a scheme (http://...)");
        goto free_reference;
    }
    int status = uriAddBaseUriExMmA(&uri, &reference, &base,
                                    URI_RESOLVE_STRICTLY, &url_memory);
    if (status != URI_SUCCESS) {
        rc = status == URI_ERROR_MALLOC ? BL_ENOMEM : BL_EINVAL;
        goto free_reference;
    }
    rc = url_check_scheme(&uri);
    if (rc == 0) {
        rc = url_make(&uri, strlen(base_text) + strlen(text), url);
    }
    uriFreeUriMembersMmA(&uri, &url_memory);

free_reference:
    uriFreeUriMembersMmA(&reference, &url_memory);
free_base:
    uriFreeUriMembersMmA(&base, &url_memory);
    return rc;
}

int bl_url_parse(const char *text, bl_url *url) {
    if (text == NULL || url == NULL) return BL_EINVAL;
    int rc = url_check_bytes(text);
    if (rc < 0) return rc;
    return url_resolve(url_no_base, text, url);
}

int bl_url_resolve(const bl_url *base, const char *reference, bl_url *url) {
    if (base == NULL || reference == NULL || url == NULL) return BL_EINVAL;
    if (base->_memory == NULL) return BL_EINVAL;
    int rc = url_check_bytes(reference);
    if (rc < 0) return rc;
    bl_url made;
    rc = url_resolve(base->text, reference, &made);
    if (rc < 0) return rc;
    if (url == base) bl_url_done(url);
    *url = made;
    return 0;
}

void bl_url_done(bl_url *url) {
    if (url == NULL) return;
    bl__free(url->_memory);
    *url = (bl_url){ 0 };
}

bool bl_url_is_same_origin(const bl_url *a, const bl_url *b) {
    if (a->_memory == NULL || b->_memory == NULL) return false;
    if (a->is_secure != b->is_secure || a->port != b->port) return false;
    return strcmp(a->host, b->host) == 0;
}

/* ---- percent signs ------------------------------------------------------- */

static bool is_unreserved(char byte) {
    if (is_letter(byte) || is_digit(byte)) return true;
    return byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

size_t bl_url_encode(const void *data, size_t bytes, char *buffer,
                     size_t capacity) {
    static const char digits[] = "0123456789ABCDEF";
    const char *from = data;
    size_t length = 0;
    size_t written = 0; /* of it, until a piece had no room */
    for (size_t i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)from[i];
        char code[3] = { '%', digits[byte >> 4], digits[byte & 15] };
        bool is_plain = is_unreserved(from[i]);
        size_t count = is_plain ? 1 : sizeof code;
        if (written == length && length + count < capacity) {
            memcpy(buffer + length, is_plain ? &from[i] : code, count);
            written += count;
        }
        length += count;
    }
    if (capacity > 0) buffer[written] = '\0';
    return length;
}
