/* SPDX-License-Identifier: MIT */
/*
 * Opens many WebSocket connections to 127.0.0.1 and leaves them idle until its input ends.
 *
 *   idle_clients PORT NUMBER tls|tcp deflate|plain MESSAGES SIZE
 *
 * Each sends MESSAGES messages of SIZE octets first and reads the echoes. Says "ready" when all
 * stand. Sockets are enough for that: it knows nothing of our library, so that only the server's
 * memory is ours.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <zlib.h>

#define REQUEST                                                                                    \
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"         \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
#define OFFER "Sec-WebSocket-Extensions: permessage-deflate\r\n"

typedef struct peer {
    int fd;
    SSL *ssl;
} peer;

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void put(peer *p, const void *data, size_t n)
{
    const uint8_t *at = data;

    while (n > 0) {
        size_t some = 0;

        if (p->ssl != NULL) {
            if (SSL_write_ex(p->ssl, at, n, &some) != 1)
                die("SSL_write");
        } else {
            ssize_t r = send(p->fd, at, n, MSG_NOSIGNAL);
            if (r < 0)
                die("send");
            some = (size_t)r;
        }
        at += some;
        n -= some;
    }
}

static void get(peer *p, void *data, size_t n)
{
    uint8_t *at = data;

    while (n > 0) {
        size_t some = 0;

        if (p->ssl != NULL) {
            if (SSL_read_ex(p->ssl, at, n, &some) != 1)
                die("SSL_read");
        } else {
            ssize_t r = recv(p->fd, at, n, 0);
            if (r <= 0)
                die("recv");
            some = (size_t)r;
        }
        at += some;
        n -= some;
    }
}

/* A masked frame with a key of zeros; compressed if that is wanted. */
static size_t make_frame(uint8_t *frame, size_t size, bool deflated)
{
    uint8_t *text = malloc(size), *packed = malloc(size + 1024);
    size_t n = size, at = 2;
    z_stream z = {0};

    if (text == NULL || packed == NULL)
        die("malloc");
    for (size_t i = 0; i < size; i++)
        text[i] = (uint8_t)('a' + i * i % 23);
    memcpy(packed, text, size);
    if (deflated) {
        z.next_in = text;
        z.avail_in = (uInt)size;
        z.next_out = packed;
        z.avail_out = (uInt)size + 1024;
        if (deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
            deflate(&z, Z_SYNC_FLUSH) != Z_OK)
            die("deflate");
        n = (size_t)z.total_out - 4;
        deflateEnd(&z);
    }
    frame[0] = deflated ? 0xC2 : 0x82;
    if (n < 126) {
        frame[1] = (uint8_t)(0x80 | n);
    } else if (n < 65536) {
        frame[1] = 0xFE;
        frame[at++] = (uint8_t)(n >> 8);
        frame[at++] = (uint8_t)n;
    } else {
        frame[1] = 0xFF;
        for (int shift = 56; shift >= 0; shift -= 8)
            frame[at++] = (uint8_t)(n >> shift);
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, packed, n);
    free(text);
    free(packed);
    return at + 4 + n;
}

static void read_frame(peer *p, uint8_t *room)
{
    uint8_t head[10];
    uint64_t n;

    get(p, head, 2);
    n = head[1];
    if (n >= 126) {
        size_t k = n == 126 ? 2 : 8;

        get(p, head + 2, k);
        n = 0;
        for (size_t i = 0; i < k; i++)
            n = n << 8 | head[2 + i];
    }
    get(p, room, n);
}

static void connect_one(peer *p, SSL_CTX *ctx, uint16_t port, bool deflated)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char head[2048];
    size_t n = 0;
    int one = 1;

    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        die("connect");
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (ctx != NULL) {
        p->ssl = SSL_new(ctx);
        if (p->ssl == NULL || SSL_set_fd(p->ssl, p->fd) != 1 || SSL_connect(p->ssl) != 1)
            die("TLS");
    }
    put(p, deflated ? REQUEST OFFER "\r\n" : REQUEST "\r\n",
        strlen(REQUEST) + 2 + (deflated ? strlen(OFFER) : 0));
    while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
        if (n == sizeof(head) - 1)
            die("head");
        get(p, head + n++, 1);
    }
    head[n] = 0;
    if (strncmp(head, "HTTP/1.1 101", 12) != 0 ||
        (strstr(head, "permessage-deflate") != NULL) != deflated) {
        fprintf(stderr, "%s", head);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct rlimit files;
    SSL_CTX *ctx = NULL;

    if (argc != 7)
        return 2;
    uint16_t port = (uint16_t)strtoul(argv[1], NULL, 10);
    size_t number = strtoul(argv[2], NULL, 10);
    bool deflated = strcmp(argv[4], "deflate") == 0;
    size_t messages = strtoul(argv[5], NULL, 10), size = strtoul(argv[6], NULL, 10);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (strcmp(argv[3], "tls") == 0) {
        ctx = SSL_CTX_new(TLS_client_method());
        if (ctx == NULL)
            die("SSL_CTX_new");
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    }
    peer *peers = calloc(number, sizeof(*peers));
    uint8_t *frame = malloc(size + 2048), *room = malloc(size + 2048);
    if (peers == NULL || frame == NULL || room == NULL)
        die("malloc");
    size_t n = make_frame(frame, size, deflated);
    for (size_t i = 0; i < number; i++)
        connect_one(&peers[i], ctx, port, deflated);
    for (size_t k = 0; k < messages; k++) {
        for (size_t i = 0; i < number; i++) {
            put(&peers[i], frame, n);
            read_frame(&peers[i], room);
        }
    }
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, room, size + 2048) > 0)
        ;
    return 0; /* the kernel closes them, without a close frame */
}
