/* SPDX-License-Identifier: MIT */
/*
 * belay/http/message.h - what requests and responses have in common
 *
 * Methods, status codes, header fields, and bodies that are read as they come.
 *
 * What came from the peer is held to the letter of RFC 9110 and RFC 9112: a
 * message that two programs could read in two ways is refused, not guessed at.
 * What the program sends is held to it as well: a name or value that would
 * break out of its line is BL_EINVAL and never reaches the peer.
 */
#ifndef BELAY_HTTP_MESSAGE_H
#define BELAY_HTTP_MESSAGE_H

#include <belay/base.h>
#include <belay/error.h>

BL_BEGIN_DECLS

/* ---- methods and status codes ------------------------------------------- */

/*
 * Those with a number of their own.  A server knows more by their names, which
 * are BL_HTTP_OTHER: the ones that the parser of the system, llhttp or
 * http-parser, has in its table.  Both have WebDAV's (PROPFIND, MKCOL, ...),
 * UPnP's (NOTIFY, M-SEARCH, ...), PURGE, LINK and UNLINK.  The table cannot be
 * added to, so a request with any other method, one of your own among them, is
 * answered by 501 and no handler sees it.  A client sends any token.
 */
typedef enum bl_http_method {
    BL_HTTP_OTHER = 0,
    BL_HTTP_GET,
    BL_HTTP_HEAD,
    BL_HTTP_POST,
    BL_HTTP_PUT,
    BL_HTTP_DELETE,
    BL_HTTP_PATCH,
    BL_HTTP_OPTIONS,
    BL_HTTP_CONNECT,
    BL_HTTP_TRACE
} bl_http_method;

/*
 * Returns the name of `method`, such as "GET"; NULL for BL_HTTP_OTHER.
 */
BL_API
const char *bl_http_method_name(bl_http_method method);

/*
 * Returns the method called `name`, in capitals; BL_HTTP_OTHER for others.
 */
BL_API
bl_http_method bl_http_method_of(const char *name);

/*
 * Returns the phrase that belongs to a status code, such as "Not Found" to
 * 404; that of its class, such as "Client Error", if it has none of its own.
 */
BL_API
const char *bl_http_reason(int status);

/*
 * Returns the status that says to a client what went wrong with its request:
 * 413 for BL_EHTTP_BODY_SIZE and so on; 500 for every code that is no fault of
 * the client's.
 */
BL_API
int bl_http_status_of(int code);

/* ---- header fields ------------------------------------------------------ */

/* One field.  A value that came from a peer has no space around it. */
typedef struct bl_http_field {
    const char *name;
    const char *value;
} bl_http_field;

/*
 * The fields of a message, in the order in which they stand there.  They are
 * borrowed: of a request until its handler returns, of a response until it is
 * closed.
 */
typedef struct bl_http_fields {
    const bl_http_field *items;
    size_t count;
} bl_http_fields;

/*
 * Returns the value of the first field called `name`, in any case, or NULL.
 */
BL_API
const char *bl_http_fields_get(const bl_http_fields *fields, const char *name);

/*
 * Returns the value of the next field called `name` at or behind `*index`, and
 * moves `*index` behind it; NULL if there is none.  It begins at 0.
 */
BL_API
const char *bl_http_fields_next(const bl_http_fields *fields, const char *name,
                                size_t *index);

/*
 * Returns whether one of the fields called `name` lists `token`, in any case:
 * "close" in "Connection: keep-alive, close".
 */
BL_API
bool bl_http_fields_has_token(const bl_http_fields *fields, const char *name,
                              const char *token);

/*
 * Returns whether `name` and `value` can be sent: the name is a token, and the
 * value has no control characters but tabs.
 */
BL_API
bool bl_http_field_is_valid(const char *name, const char *value);

/* ---- targets ------------------------------------------------------------ */

/*
 * Decodes "%41" in `text`, a path or a part of one, into `buffer`.  A '+' is
 * left alone: it stands for a space in forms and queries only.
 *
 * Returns the length of what was written, without the NUL behind it.
 *
 * Errors:
 *   BL_EINVAL    text or buffer is NULL, or a '%' has no two hexadecimal
 *                digits behind it, or they stand for NUL
 *   BL_EMSGSIZE  the buffer is too small
 */
BL_MAY_FAIL
bl_ssize bl_http_decode(const char *text, char *buffer, size_t bytes);

/*
 * Decodes the value of the first parameter called `name` in `query`, such as
 * "a=1&b=2", into `buffer`; here '+' is a space.  A parameter without '=' has
 * an empty value.
 *
 * Returns the length of the value, without the NUL behind it.
 *
 * Errors:
 *   BL_ENOENT    there is no such parameter, or query is NULL
 *   BL_EINVAL    name or buffer is NULL, or the value cannot be decoded
 *   BL_EMSGSIZE  the buffer is too small
 */
BL_MAY_FAIL
bl_ssize bl_http_query_get(const char *query, const char *name, char *buffer,
                           size_t bytes);

/* ---- bodies ------------------------------------------------------------- */

/*
 * The body of a message that comes from a peer.  It is read by one task, as it
 * comes: a program that does not read makes the peer wait.
 */
typedef struct bl_http_body bl_http_body;

/*
 * Returns the length that the peer has declared, 0 without a body, or -1 if
 * only its end will tell.
 */
BL_API
int64_t bl_http_body_length(const bl_http_body *body);

/*
 * Reads up to `bytes` of the body, waiting until there is at least one.
 *
 * Returns how many were read; 0 at the end of the body.
 *
 * Errors:
 *   BL_EHTTP_TRUNCATED  the peer closed in the middle
 *   BL_EHTTP_MALFORMED  the body's chunks, or the fields behind them, are not
 *                       valid
 *   BL_EHTTP_HEAD_SIZE  there are too many fields behind it
 *   BL_EHTTP_BODY_SIZE  it is longer than the limit that was set
 *   BL_ETIMEDOUT        the peer sends too slowly
 *   BL_ECANCELED        an enclosing scope was cancelled; nothing was read
 *   BL_EINVAL           body is NULL, or buffer is NULL with bytes > 0
 *
 * Any other code is one of bl_stream_read's.  All but BL_ECANCELED and
 * BL_EINVAL stay: a further call returns the same.
 */
BL_MAY_WAIT
bl_ssize bl_http_body_read(bl_http_body *body, void *buffer, size_t bytes);

/*
 * Reads the whole rest of the body into `buffer`.
 *
 * Returns how many bytes it has.
 *
 * Errors:
 *   BL_EMSGSIZE   it is longer than the buffer, which is full; the rest can be
 *                 read on
 *   BL_ECANCELED  an enclosing scope was cancelled; what was read is lost
 *   BL_EINVAL     body is NULL, or buffer is NULL with bytes > 0
 *
 * Any other code is one of bl_http_body_read's.
 */
BL_MAY_WAIT
bl_ssize bl_http_body_read_all(bl_http_body *body, void *buffer, size_t bytes);

/*
 * Reads the whole rest of the body, of at most `bytes_max`, into memory that
 * is allocated for it, and puts a NUL behind it.  `*bytes` (may be NULL) is
 * its length.
 *
 * Returns 0; the caller gives `*data` back with bl_free.
 *
 * Errors:
 *   BL_EHTTP_BODY_SIZE  it is longer than bytes_max
 *   BL_ENOMEM           there was no memory for it
 *   BL_ECANCELED        an enclosing scope was cancelled; what was read is lost
 *   BL_EINVAL           body or data is NULL
 *
 * Any other code is one of bl_http_body_read's.
 */
BL_MAY_WAIT
int bl_http_body_take(bl_http_body *body, size_t bytes_max, char **data,
                      size_t *bytes);

/*
 * Returns the fields that came behind the body, borrowed as those before it;
 * none before bl_http_body_read has returned 0.
 */
BL_API
const bl_http_fields *bl_http_body_trailers(const bl_http_body *body);

#ifndef BL_NO_SITES
#    define bl_http_body_read(...)                    \
        BL__AT("bl_http_body_read(" #__VA_ARGS__ ")", \
               bl_http_body_read(__VA_ARGS__))
#    define bl_http_body_read_all(...)                    \
        BL__AT("bl_http_body_read_all(" #__VA_ARGS__ ")", \
               bl_http_body_read_all(__VA_ARGS__))
#    define bl_http_body_take(...)                    \
        BL__AT("bl_http_body_take(" #__VA_ARGS__ ")", \
               bl_http_body_take(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
