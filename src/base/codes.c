/* SPDX-License-Identifier: MIT */
/*
 * base/codes.c - the names of codes, and a sentence about each
 *
 * Two tables, searched from top to bottom: the codes that Belay names, then
 * the rest of the system's.  Only reports come here, so a search is fast
 * enough, and the tables need no order and no gaps.  The sentences say what
 * happened, as they stand behind "BL_EFOO (-1): ".
 */
#include <belay/error.h>

#define NAMED(code, text) \
    { code, #code, text }
#define SYSTEM(number, text) \
    { -number, #number, text }

struct code_text {
    int code;
    const char *name;
    const char *text;
};

static const struct code_text named_codes[] = {
    NAMED(BL_ECANCELED, "an enclosing scope was cancelled"),
    NAMED(BL_ETIMEDOUT, "the time ran out"),
    NAMED(BL_EGROUP, "tasks of a group failed"),
    NAMED(BL_ESTRAYCANCEL, "BL_ECANCELED was returned, but nobody cancelled"),
    NAMED(BL_ECLOSING, "the group is being cancelled"),
    NAMED(BL_ECLOSED, "the group, loop or descriptor is closed"),
    NAMED(BL_ENOTSTARTED, "the child ended without saying that it started"),
    NAMED(BL_ENOLOOP, "no loop runs on this thread; call it inside bl_run"),
    NAMED(BL_ENOTASK, "a loop callback cannot wait; call it from a task"),
    NAMED(BL_ETHREAD, "the object belongs to another loop"),
    NAMED(BL_ENOTDONE, "the task has not ended yet"),
    NAMED(BL_EMISUSE, "the object is not in a state for this call"),
    NAMED(BL_EDEADLOCK, "every task waits and nothing can wake one"),
    NAMED(BL_EBROKEN, "the barrier is broken"),
    NAMED(BL_ETLS, "the other end does not speak TLS as it should"),
    NAMED(BL_ETLSALERT, "the other end refused by a TLS alert"),
    NAMED(BL_ETLSTRUNCATED, "the TLS stream was cut off"),
    NAMED(BL_ECERT, "the certificate is bad"),
    NAMED(BL_ECERTNAME, "the certificate is for another name"),
    NAMED(BL_ECERTEXPIRED, "the certificate is not valid at this time"),
    NAMED(BL_ECERTUNKNOWN, "nobody who is believed signed the certificate"),
    NAMED(BL_ECERTSELF, "the certificate is signed by itself alone"),
    NAMED(BL_ECERTREVOKED, "the certificate was revoked"),
    NAMED(BL_EDNS_NONAME, "there is no such name"),
    NAMED(BL_EDNS_NODATA, "the name has no record of this type"),
    NAMED(BL_EDNS_SERVER, "no name server could be asked, or each one failed"),
    NAMED(BL_EDNS_REFUSED, "the name servers refuse to answer"),
    NAMED(BL_EDNS_TIMEOUT, "no name server answered in time"),
    NAMED(BL_EDNS_MALFORMED, "the answer of a name server is malformed"),
    NAMED(BL_EHTTP_MALFORMED, "the HTTP message is malformed"),
    NAMED(BL_EHTTP_VERSION, "the HTTP version is not supported"),
    NAMED(BL_EHTTP_METHOD, "the HTTP method is not known"),
    NAMED(BL_EHTTP_CODING, "the transfer coding is not supported"),
    NAMED(BL_EHTTP_TARGET_SIZE, "the target of the HTTP request is too long"),
    NAMED(BL_EHTTP_HEAD_SIZE, "the fields of the HTTP message are too large"),
    NAMED(BL_EHTTP_BODY_SIZE, "the body of the HTTP message is too large"),
    NAMED(BL_EHTTP_TRUNCATED, "the HTTP message was cut off"),
    NAMED(BL_EHTTP_EXPECT, "the expectation of the request is not known"),
    NAMED(BL_ENOTREADY, "the service ended before it was ready"),
    NAMED(BL_EEXITED, "the service ended without having been told to"),
    NAMED(BL_ESTATE, "the service is in no state for that"),
    NAMED(BL_EHTTP_REDIRECT, "the redirect is not to be followed"),
    NAMED(BL_EHTTP_PROXY, "the proxy refuses"),
    NAMED(BL_EHTTP_UNEXPECTED, "the response is not of the kind asked for"),
    NAMED(BL_EHTTP_EARLY, "the server has answered and wants no more"),
    NAMED(BL_EPERM, "not permitted"),
    NAMED(BL_EINTERRUPTED, "interrupted by a signal"),
    NAMED(BL_EIO, "input or output failed"),
    NAMED(BL_EBADF, "not an open descriptor"),
    NAMED(BL_EAGAIN, "it would have to wait"),
    NAMED(BL_ENOMEM, "out of memory"),
    NAMED(BL_EBUSY, "somebody else is using it"),
    NAMED(BL_EINVAL, "an argument is not valid"),
    NAMED(BL_EMFILE, "too many open descriptors"),
    NAMED(BL_EPIPE, "nobody reads at the other end"),
    NAMED(BL_EPROTO, "the other end broke the protocol"),
    NAMED(BL_EMSGSIZE, "the message is too long"),
    NAMED(BL_EADDRINUSE, "the address is in use"),
    NAMED(BL_ENOENT, "no such file or directory"),
    NAMED(BL_ESRCH, "no such process"),
    NAMED(BL_ENOEXEC, "the file is no program"),
    NAMED(BL_ENXIO, "no such device or address"),
    NAMED(BL_EACCES, "access denied"),
    NAMED(BL_EEXIST, "it exists already"),
    NAMED(BL_ENOTDIR, "not a directory"),
    NAMED(BL_EISDIR, "it is a directory"),
    NAMED(BL_EFBIG, "the file would be too large"),
    NAMED(BL_ENOSPC, "no space left on the device"),
    NAMED(BL_ESPIPE, "this descriptor has no position"),
    NAMED(BL_ENOTEMPTY, "the directory is not empty"),
    NAMED(BL_EDEADLK, "the wait could never end"),
    NAMED(BL_EALREADY, "it has been done, or is being done, already"),
    NAMED(BL_EOVERFLOW, "more than there is room for"),
    NAMED(BL_EOWNERDEAD, "the owner of the lock ended while holding it"),
    NAMED(BL_ESHUTDOWN, "it was shut down"),
    NAMED(BL_ECONNRESET, "the other end reset the connection"),
    NAMED(BL_ECONNREFUSED, "nobody listens there"),
    NAMED(BL_ENOTSUP, "not supported"),
};

static const struct code_text system_codes[] = {
    SYSTEM(ESRCH, "no such process"),
    SYSTEM(E2BIG, "too many arguments"),
    SYSTEM(ENOEXEC, "not an executable format"),
    SYSTEM(ECHILD, "no such child process"),
    SYSTEM(EFAULT, "not a valid address"),
    SYSTEM(EXDEV, "on another file system"),
    SYSTEM(ENODEV, "no such device"),
    SYSTEM(ENFILE, "too many open files in the system"),
    SYSTEM(ENOTTY, "not possible with this kind of descriptor"),
    SYSTEM(ETXTBSY, "the program is being run"),
    SYSTEM(EROFS, "the file system is read-only"),
    SYSTEM(EMLINK, "too many links"),
    SYSTEM(EDOM, "the argument is outside the function's domain"),
    SYSTEM(ERANGE, "the result is out of range"),
    SYSTEM(ENAMETOOLONG, "the name is too long"),
    SYSTEM(ENOLCK, "no lock is available"),
    SYSTEM(ENOSYS, "the system has no such call"),
    SYSTEM(ELOOP, "too many symbolic links"),
    SYSTEM(ENOMSG, "no message of this type"),
    SYSTEM(EIDRM, "it was removed"),
    SYSTEM(ENOSTR, "not a stream device"),
    SYSTEM(ENODATA, "no data"),
    SYSTEM(ETIME, "the timer ran out"),
    SYSTEM(ENOSR, "out of stream resources"),
    SYSTEM(ENOLINK, "the link was cut"),
    SYSTEM(EMULTIHOP, "a hop beyond the first was needed"),
    SYSTEM(EBADMSG, "the message is damaged"),
    SYSTEM(EILSEQ, "not a valid sequence of bytes"),
    SYSTEM(ENOTSOCK, "the descriptor is not a socket"),
    SYSTEM(EDESTADDRREQ, "a destination is needed"),
    SYSTEM(EPROTOTYPE, "the wrong protocol for this socket"),
    SYSTEM(ENOPROTOOPT, "the protocol has no such option"),
    SYSTEM(EPROTONOSUPPORT, "the protocol is not supported"),
    SYSTEM(EAFNOSUPPORT, "the address family is not supported"),
    SYSTEM(EADDRNOTAVAIL, "the address cannot be assigned"),
    SYSTEM(ENETDOWN, "the network is down"),
    SYSTEM(ENETUNREACH, "the network cannot be reached"),
    SYSTEM(ENETRESET, "the network dropped the connection"),
    SYSTEM(ECONNABORTED, "the connection was aborted"),
    SYSTEM(ENOBUFS, "no buffer space is left"),
    SYSTEM(EISCONN, "the socket is connected already"),
    SYSTEM(ENOTCONN, "the socket is not connected"),
    SYSTEM(EHOSTUNREACH, "the host cannot be reached"),
    SYSTEM(EINPROGRESS, "it has begun and goes on"),
    SYSTEM(ESTALE, "the file handle is stale"),
    SYSTEM(EDQUOT, "the disk quota is used up"),
    SYSTEM(ENOTRECOVERABLE, "the state cannot be recovered"),

/* Beyond POSIX; a system that has one of a block has all of it. */
#ifdef ENOTBLK
    SYSTEM(ENOTBLK, "a block device is needed"),
    SYSTEM(ESOCKTNOSUPPORT, "the socket type is not supported"),
    SYSTEM(EPFNOSUPPORT, "the protocol family is not supported"),
    SYSTEM(ETOOMANYREFS, "too many references"),
    SYSTEM(EHOSTDOWN, "the host is down"),
    SYSTEM(EUSERS, "too many users"),
    SYSTEM(EREMOTE, "the object is remote"),
#endif
#ifdef ECHRNG
    SYSTEM(ECHRNG, "the channel number is out of range"),
    SYSTEM(EL2NSYNC, "level 2 is not synchronised"),
    SYSTEM(EL3HLT, "level 3 halted"),
    SYSTEM(EL3RST, "level 3 was reset"),
    SYSTEM(ELNRNG, "the link number is out of range"),
    SYSTEM(EUNATCH, "the protocol driver is not attached"),
    SYSTEM(ENOCSI, "no CSI structure is available"),
    SYSTEM(EL2HLT, "level 2 halted"),
    SYSTEM(EBADE, "the exchange is not valid"),
    SYSTEM(EBADR, "the request descriptor is not valid"),
    SYSTEM(EXFULL, "the exchange is full"),
    SYSTEM(ENOANO, "no anode"),
    SYSTEM(EBADRQC, "the request code is not valid"),
    SYSTEM(EBADSLT, "the slot is not valid"),
    SYSTEM(EBFONT, "the font file has a bad format"),
    SYSTEM(ENONET, "the machine is not on the network"),
    SYSTEM(ENOPKG, "the package is not installed"),
    SYSTEM(EADV, "it is being advertised"),
    SYSTEM(ESRMNT, "it is mounted elsewhere"),
    SYSTEM(ECOMM, "sending failed"),
    SYSTEM(EDOTDOT, "the file system reported a fault"),
    SYSTEM(ENOTUNIQ, "the name is not unique on the network"),
    SYSTEM(EBADFD, "the descriptor is in a bad state"),
    SYSTEM(EREMCHG, "the remote address changed"),
    SYSTEM(ELIBACC, "a shared library that is needed cannot be opened"),
    SYSTEM(ELIBBAD, "a shared library is damaged"),
    SYSTEM(ELIBSCN, "the library section of the program is damaged"),
    SYSTEM(ELIBMAX, "too many shared libraries"),
    SYSTEM(ELIBEXEC, "a shared library cannot be run as a program"),
    SYSTEM(ERESTART, "the system call has to be started again"),
    SYSTEM(ESTRPIPE, "the stream pipe failed"),
    SYSTEM(EUCLEAN, "the structure needs cleaning"),
    SYSTEM(ENOTNAM, "not a file of this type"),
    SYSTEM(ENAVAIL, "no semaphores are available"),
    SYSTEM(EISNAM, "it is a file of this type"),
    SYSTEM(EREMOTEIO, "remote input or output failed"),
    SYSTEM(ENOMEDIUM, "there is no medium in the drive"),
    SYSTEM(EMEDIUMTYPE, "the medium has the wrong type"),
    SYSTEM(ENOKEY, "the key is not available"),
    SYSTEM(EKEYEXPIRED, "the key has expired"),
    SYSTEM(EKEYREVOKED, "the key was revoked"),
    SYSTEM(EKEYREJECTED, "the key was rejected"),
    SYSTEM(ERFKILL, "the radio is switched off"),
    SYSTEM(EHWPOISON, "the memory page is damaged"),
#endif
};

#define COUNT_OF(table) (sizeof(table) / sizeof(table)[0])

static const struct code_text *code_find(int code) {
    for (size_t i = 0; i < COUNT_OF(named_codes); i++) {
        if (named_codes[i].code == code) return &named_codes[i];
    }
    for (size_t i = 0; i < COUNT_OF(system_codes); i++) {
        if (system_codes[i].code == code) return &system_codes[i];
    }
    return NULL;
}

const char *bl_error_name(int code) {
    const struct code_text *found = code_find(code);
    return found != NULL ? found->name : "BL_E?";
}

const char *bl_strerror(int code) {
    if (code >= 0) return "no error";
    const struct code_text *found = code_find(code);
    return found != NULL ? found->text : "an error that Belay does not know";
}
