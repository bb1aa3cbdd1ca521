/* SPDX-License-Identifier: MIT */
/* See mutant_tcp.h. */
#include "mutant_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#define MAX_CONNECTIONS 256
/* So long without an octet is "nothing more comes" for mutant_idle. */
#define IDLE_MS 20

typedef struct connection {
    int fd;
    mutant *m;
    void *kept;
    size_t n_kept;
} connection;

int mutant_listen(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof(a);
    const int one = 1;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        return -1;
    *port = ntohs(a.sin_port);
    return fd;
}

static void drop(connection *c)
{
    close(c->fd);
    mutant_free(c->m);
    if (c->kept != NULL)
        munmap(c->kept, c->n_kept);
}

/* False: the connection is over. */
static bool flush(connection *c)
{
    const uint8_t *data;
    size_t n;

    while ((data = mutant_output(c->m, &n)) != NULL) {
        const ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN;
        mutant_taken(c->m, (size_t)sent);
    }
    if (!mutant_is_over(c->m))
        return true;
    /* Octets that nobody reads would turn the close into a reset. */
    shutdown(c->fd, SHUT_WR);
    for (uint8_t buf[4096]; recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0;) {
    }
    return false;
}

static bool serve_one(connection *c, const mutant_habits *habits, unsigned *deaths)
{
    static uint8_t buf[65536];
    const ssize_t n = recv(c->fd, buf, sizeof(buf), 0);

    if (n < 0) {
        *deaths += errno != EAGAIN && habits->death == MUTANT_DIES_OF_RESET;
        return errno == EAGAIN;
    }
    *deaths += habits->death == MUTANT_DIES_OF_END && n == 0;
    *deaths += habits->death == MUTANT_DIES_OF_OCTETS ? (unsigned)n : 0;
    if (n == 0)
        return false;
    if (habits->slow_us > 0)
        usleep(habits->slow_us);
    mutant_feed(c->m, buf, (size_t)n);
    return flush(c);
}

static void take_one(int fd, connection *c, const mutant_habits *habits)
{
    const int one = 1;

    c->fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (c->fd < 0)
        return;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    c->m = mutant_new(habits->fault);
    c->kept = NULL;
    c->n_kept = (size_t)habits->keeps_kib << 10;
    if (c->n_kept == 0)
        return;
    c->kept = mmap(NULL, c->n_kept, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    c->kept = c->kept != MAP_FAILED ? memset(c->kept, 1, c->n_kept) : NULL;
}

void mutant_serve(int fd, const mutant_habits *habits, atomic_bool *stop)
{
    connection at[MAX_CONNECTIONS];
    struct pollfd p[MAX_CONNECTIONS + 1];
    unsigned n = 0, seen = 0, deaths = 0;

    while ((stop == NULL || !atomic_load(stop)) &&
           !(habits->dies_after > 0 && seen > habits->dies_after) &&
           !(habits->death != MUTANT_LIVES && deaths >= habits->after)) {
        const bool full = n == MAX_CONNECTIONS || (habits->one_by_one && n > 0);
        int ready;

        p[0] = (struct pollfd){fd, full ? 0 : POLLIN, 0};
        for (unsigned i = 0; i < n; i++) {
            size_t left;

            mutant_output(at[i].m, &left);
            p[i + 1] = (struct pollfd){at[i].fd, (short)(left > 0 ? POLLIN | POLLOUT : POLLIN), 0};
        }
        ready = poll(p, n + 1, n > 0 ? IDLE_MS : 100);
        for (unsigned i = n; i-- > 0;) {
            bool alive = true;

            if (p[i + 1].revents & (POLLIN | POLLHUP | POLLERR))
                alive = serve_one(&at[i], habits, &deaths);
            else if (p[i + 1].revents & POLLOUT)
                alive = flush(&at[i]);
            else if (ready == 0) {
                mutant_idle(at[i].m);
                alive = flush(&at[i]);
            }
            if (!alive) {
                drop(&at[i]);
                at[i] = at[--n];
            }
        }
        while (p[0].revents & POLLIN && n < MAX_CONNECTIONS && !(habits->one_by_one && n > 0)) {
            take_one(fd, &at[n], habits);
            if (at[n].fd < 0)
                break;
            n++;
            while (habits->replaces && n > 1) {
                drop(&at[0]);
                at[0] = at[--n];
            }
            deaths += habits->death == MUTANT_DIES_OF_VISITS;
            if (++seen > habits->dies_after && habits->dies_after > 0)
                break;
        }
    }
    while (n > 0)
        drop(&at[--n]);
    close(fd);
}

bool mutant_visit(uint16_t port, mutant_fault fault, const char *resource)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    const int one = 1;
    connection c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    char host[32];
    bool alive = true;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (c.fd < 0 || connect(c.fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        if (c.fd >= 0)
            close(c.fd);
        return false;
    }
    setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(c.fd, F_SETFL, O_NONBLOCK);
    snprintf(host, sizeof(host), "127.0.0.1:%u", port);
    c.m = mutant_client_new(fault, host, resource);
    while (alive) {
        struct pollfd p = {c.fd, POLLIN, 0};
        size_t left;

        mutant_output(c.m, &left);
        if (left > 0)
            p.events |= POLLOUT;
        if (poll(&p, 1, IDLE_MS) == 0) {
            mutant_idle(c.m);
            alive = flush(&c);
        } else if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
            alive = serve_one(&c, &(mutant_habits){.fault = fault}, &(unsigned){0});
        } else {
            alive = flush(&c);
        }
    }
    drop(&c);
    return true;
}
