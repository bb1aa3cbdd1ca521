/* SPDX-License-Identifier: MIT */
/*
 * An echo server around poll(2), with nothing of websock but the connection itself: octets in,
 * events out, octets out. This is all that a loop of your own has to do.
 *
 *     own_loop [PORT]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <websock/conn.h>

#define MAX_CLIENTS 100

static struct {
    int fd;
    wsk_conn *conn;
    bool shut;
} clients[MAX_CLIENTS];
static int n_clients;

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void take_events(wsk_conn *c)
{
    wsk_event ev;

    while (wsk_conn_next(c, &ev) == WSK_OK && ev.type != WSK_EV_NONE) {
        if (ev.type == WSK_EV_REQUEST && ev.is_upgrade) {
            if (wsk_conn_accept(c, NULL) < 0)
                wsk_conn_lost(c, "out of memory");
        } else if (ev.type == WSK_EV_REQUEST) {
            wsk_response r = WSK_RESPONSE_INIT;
            r.status = 404;
            if (wsk_conn_respond(c, &r) < 0)
                wsk_conn_lost(c, "out of memory");
        } else if (ev.type == WSK_EV_MESSAGE) {
            wsk_conn_send(c, ev.opcode, ev.data, ev.len, WSK_SEND_SKIP_UTF8);
        } else if (ev.type == WSK_EV_END) {
            printf("%u %s\n", ev.code, ev.text);
        }
    }
}

/* Everything that may be due for a client: read, let time pass, write. False: it is over. */
static bool serve(int i, short ready)
{
    static unsigned char buf[65536];
    wsk_conn *c = clients[i].conn;
    struct iovec iov[8];
    size_t k;

    if (ready & (POLLIN | POLLHUP | POLLERR)) {
        ssize_t n = read(clients[i].fd, buf, sizeof(buf));
        if (n >= 0)
            wsk_conn_feed(c, buf, (size_t)n, now_ms());
        else if (errno != EAGAIN && errno != EINTR)
            wsk_conn_lost(c, "the socket broke");
        take_events(c);
        wsk_conn_unlend(c);
    }
    wsk_conn_tick(c, now_ms(), NULL);
    take_events(c);
    while ((k = wsk_conn_output(c, iov, 8)) > 0) {
        ssize_t n = writev(clients[i].fd, iov, (int)k);
        if (n <= 0)
            break;
        wsk_conn_sent(c, (size_t)n, now_ms());
        take_events(c);
    }
    if ((wsk_conn_wants(c) & WSK_WANT_SHUTDOWN) && wsk_conn_queued(c) == 0 && !clients[i].shut)
        clients[i].shut = shutdown(clients[i].fd, SHUT_WR) == 0;
    return !(wsk_conn_wants(c) & WSK_WANT_DROP);
}

int main(int argc, char **argv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    wsk_config_options options = WSK_CONFIG_OPTIONS_INIT;
    struct pollfd fds[MAX_CLIENTS + 1];
    int l = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    wsk_config *config;

    options.role = WSK_ROLE_SERVER;
    options.deflate.enabled = true;
    a.sin_port = htons((uint16_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 8888));
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    signal(SIGPIPE, SIG_IGN); /* writing to who is gone is an error of writev(), no more */
    if (wsk_config_new(&config, &options) < 0 || bind(l, (struct sockaddr *)&a, sizeof(a)) != 0 ||
        listen(l, 100) != 0) {
        perror("own_loop");
        return 1;
    }
    for (;;) {
        fds[0] = (struct pollfd){l, n_clients < MAX_CLIENTS ? POLLIN : 0, 0};
        for (int i = 0; i < n_clients; i++) {
            unsigned wants = wsk_conn_wants(clients[i].conn);
            /* The end of a connection is told unasked: whoever wants nothing is left out. */
            fds[i + 1].fd = wants != 0 ? clients[i].fd : -1;
            fds[i + 1].events = (short)((wants & WSK_WANT_READ ? POLLIN : 0) |
                                        (wants & WSK_WANT_WRITE ? POLLOUT : 0));
        }
        int n = n_clients;
        poll(fds, (nfds_t)n + 1, 500); /* deadlines are looked at twice a second */
        for (int i = n - 1; i >= 0; i--) {
            if (serve(i, fds[i + 1].revents))
                continue;
            wsk_conn_free(clients[i].conn);
            close(clients[i].fd);
            clients[i] = clients[--n_clients];
        }
        if (fds[0].revents & POLLIN) {
            int fd = accept(l, NULL, NULL);
            if (fd < 0)
                continue;
            fcntl(fd, F_SETFL, O_NONBLOCK);
            clients[n_clients].fd = fd;
            clients[n_clients].shut = false;
            if (wsk_conn_new(&clients[n_clients].conn, config, now_ms()) == WSK_OK)
                n_clients++;
            else
                close(fd);
        }
    }
}
