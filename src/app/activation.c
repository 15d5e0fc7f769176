/* SPDX-License-Identifier: MIT */
/*
 * app/activation.c - descriptors that we were started with
 *
 * The manager passes them from number 3 on and says how many in the
 * environment, to the process whose id it names there.  A descriptor is an
 * entry of one array, with its name; taking it leaves the entry with -1, so
 * the order of the others stays the manager's.
 */
#include <belay/error.h>
#include <belay/notify.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    FIRST_FD = 3,
    FDS_MAX = 4096,
    NAMES_SHOWN_BYTES = 256
};

struct activated {
    int fd; /* -1: taken */
    const char *name;
};

struct bl_activation {
    size_t count;
    char *names; /* all of them, each ended by NUL */
    struct activated items[];
};

/* ---- taking -------------------------------------------------------------- */

size_t bl_activation_count(const bl_activation *activation) {
    size_t left = 0;
    for (size_t i = 0; i < activation->count; i++) {
        if (activation->items[i].fd >= 0) left++;
    }
    return left;
}

const char *bl_activation_name(const bl_activation *activation, size_t index) {
    for (size_t i = 0; i < activation->count; i++) {
        if (activation->items[i].fd < 0) continue;
        if (index-- == 0) return activation->items[i].name;
    }
    return NULL;
}

/* Raises BL_ENOENT, with the names that there are. */
static int activation_miss(const bl_activation *activation, const char *name) {
    char shown[NAMES_SHOWN_BYTES] = "none";
    size_t length = 0;
    for (size_t i = 0; bl_activation_name(activation, i) != NULL; i++) {
        int more =
            snprintf(shown + length, sizeof shown - length, "%s%s",
                     i > 0 ? ", " : "", bl_activation_name(activation, i));
        if (more < 0 || (size_t)more >= sizeof shown - length) break;
        length += (size_t)more;
    }
    return BL_ERR(BL_ENOENT, "no descriptor \"%s\" was passed; left: %s",
                  name != NULL ? name : "", shown);
}

/* The first entry called `name` that nobody took; NULL if there is none. */
static struct activated *activation_find(bl_activation *activation,
                                         const char *name) {
    for (size_t i = 0; i < activation->count; i++) {
        struct activated *item = &activation->items[i];
        if (item->fd < 0) continue;
        if (name == NULL || strcmp(item->name, name) == 0) return item;
    }
    return NULL;
}

int bl_activation_take_fd(bl_activation *activation, const char *name) {
    if (activation == NULL) return BL_EINVAL;
    struct activated *item = activation_find(activation, name);
    if (item == NULL) return activation_miss(activation, name);
    int fd = item->fd;
    item->fd = -1;
    return fd;
}

/* What the descriptor is, for people; NULL if it listens for streams. */
static const char *activation_kind(int fd) {
    int type = 0;
    int listens = 0;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) {
        return "no socket";
    }
    if (type == SOCK_DGRAM) return "a datagram socket";
    if (type != SOCK_STREAM) return "a socket of another type";
    length = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0 ||
        listens == 0) {
        return "a stream socket that does not listen";
    }
    return NULL;
}

static int activation_check(const struct activated *item) {
    const char *kind = activation_kind(item->fd);
    if (kind == NULL) return 0;
    return BL_ERR(BL_EPROTO,
                  "descriptor %d (\"%s\") is %s; a stream socket that listens "
                  "is wanted",
                  item->fd, item->name, kind);
}

int bl_activation_take_listener(bl_activation *activation, const char *name,
                                bl_listener **listener) {
    if (activation == NULL || listener == NULL) return BL_EINVAL;
    struct activated *item = activation_find(activation, name);
    if (item == NULL) return activation_miss(activation, name);
    int rc = activation_check(item);
    if (rc == 0) rc = bl_listener_take_fd(item->fd, listener);
    if (rc < 0) return rc;
    item->fd = -1;
    return 0;
}

/* Listens with a copy of the descriptor, which stays where it is. */
static int activation_share(const struct activated *item,
                            const bl_listen_options *options,
                            bl_listener **listener) {
    int rc = activation_check(item);
    if (rc < 0) return rc;
    int fd = fcntl(item->fd, F_DUPFD_CLOEXEC, FIRST_FD);
    if (fd < 0) return -errno;
    rc = bl_listener_take_fd_with(fd, options, listener);
    if (rc < 0) close(fd);
    return rc < 0 ? rc : 1;
}

int bl_activation_listen(bl_activation *activation, const char *name,
                         const bl_addr *address,
                         const bl_listen_options *options,
                         bl_listener **listener) {
    if (name == NULL || address == NULL || listener == NULL) return BL_EINVAL;
    const struct activated *item = NULL;
    if (activation != NULL) item = activation_find(activation, name);
    if (item != NULL) return activation_share(item, options, listener);
    return bl_listen(address, options, listener);
}

/* ---- opening ------------------------------------------------------------- */

/* What the environment says. */
struct announced {
    bool is_ours;
    size_t count;
    const char *names; /* NULL: none */
};

static int activation_read_count(const char *name, const char *text, long max,
                                 long *number) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || errno != 0 || *end != '\0' ||
        value > max) {
        return BL_ERR(BL_EINVAL, "%s=%s makes no sense", name, text);
    }
    *number = value;
    return 0;
}

static int activation_read(struct announced *announced) {
    const char *pid = getenv("LISTEN_PID");
    const char *count = getenv("LISTEN_FDS");
    long number;
    if (pid == NULL || count == NULL) return 0;
    int rc = activation_read_count("LISTEN_PID", pid, LONG_MAX - 1, &number);
    if (rc == 0 && number != getpid()) return 0;
    announced->is_ours = true;
    if (rc < 0) return rc;
    rc = activation_read_count("LISTEN_FDS", count, FDS_MAX, &number);
    if (rc < 0) return rc;
    announced->count = (size_t)number;
    announced->names = getenv("LISTEN_FDNAMES");
    return 0;
}

/* Gives each descriptor its name; `names` has as many, between colons. */
static int activation_set_names(bl_activation *activation, bool has_names) {
    char *rest = has_names ? activation->names : NULL;
    for (size_t i = 0; i < activation->count; i++) {
        char *name = rest != NULL ? strsep(&rest, ":") : NULL;
        if (has_names && name == NULL) {
            return BL_ERR(BL_EINVAL, "LISTEN_FDNAMES names %zu of %zu", i,
                          activation->count);
        }
        bool is_named = name != NULL && name[0] != '\0';
        activation->items[i].name = is_named ? name : "unknown";
    }
    if (rest != NULL) {
        return BL_ERR(BL_EINVAL, "LISTEN_FDNAMES names more than %zu",
                      activation->count);
    }
    return 0;
}

static int activation_adopt(bl_activation *activation) {
    for (size_t i = 0; i < activation->count; i++) {
        int fd = FIRST_FD + (int)i;
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0) {
            return BL_ERR(-errno, "descriptor %d was announced, but not passed",
                          fd);
        }
        activation->items[i].fd = fd;
    }
    return 0;
}

int bl_activation_open(bl_activation **activation) {
    struct announced announced = { .is_ours = false };
    if (activation == NULL) return BL_EINVAL;
    int rc = activation_read(&announced);

    size_t count = announced.count;
    const char *names = announced.names != NULL ? announced.names : "";
    size_t name_bytes = strlen(names) + 1;
    struct bl_activation *made = bl__alloc_zeroed(
        1, sizeof *made + count * sizeof made->items[0] + name_bytes);
    if (made == NULL) return BL_ENOMEM;
    made->count = count;
    made->names = (char *)&made->items[count];
    memcpy(made->names, names, name_bytes);
    for (size_t i = 0; i < count; i++)
        made->items[i].fd = -1;

    if (rc == 0) rc = activation_adopt(made);
    if (rc == 0) rc = activation_set_names(made, announced.names != NULL);
    if (announced.is_ours) {
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
    }
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    *activation = made;
    return 0;
}

void bl_activation_close(bl_activation *activation) {
    if (activation == NULL) return;
    for (size_t i = 0; i < activation->count; i++) {
        if (activation->items[i].fd >= 0) close(activation->items[i].fd);
    }
    bl__free(activation);
}
