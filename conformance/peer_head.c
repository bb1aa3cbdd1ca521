/* SPDX-License-Identifier: MIT */
/*
 * The parts of a handshake's head that both roles look at. The judge's own, and not the library's:
 * a fault of the library's parser must not hide in its judge. Knows no connection.
 */
#include "conformance/peer_head.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const char *peer_trim(const char *s, size_t *len)
{
    while (*len > 0 && (*s == ' ' || *s == '\t')) {
        s++;
        (*len)--;
    }
    while (*len > 0 && (s[*len - 1] == ' ' || s[*len - 1] == '\t' || s[*len - 1] == '\r'))
        (*len)--;
    return s;
}

const char *peer_next_value(const char **line, const char *end, const char *name, size_t *ret_len)
{
    const size_t n_name = strlen(name);

    while ((*line = memchr(*line, '\n', (size_t)(end - *line))) != NULL && ++*line < end) {
        const char *next = memchr(*line, '\n', (size_t)(end - *line));
        const size_t n = (size_t)((next ? next : end) - *line);

        if (n > n_name && (*line)[n_name] == ':' && strncasecmp(*line, name, n_name) == 0) {
            *ret_len = n - n_name - 1;
            return peer_trim(*line + n_name + 1, ret_len);
        }
    }
    return NULL;
}

peer_field peer_find_field(const char *head, size_t len, const char *name)
{
    const char *line = head, *value;
    peer_field f = {NULL, 0, 0};
    size_t n;

    while ((value = peer_next_value(&line, head + len, name, &n)) != NULL) {
        if (f.count++ == 0) {
            f.value = value;
            f.len = n;
        }
    }
    return f;
}

bool peer_same(const char *s, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(s, word, len) == 0;
}

/* The next element of a list, up to `separator`; quoted strings may hold it. */
bool peer_next_part(const char **at, const char *end, char separator, const char **ret,
                    size_t *ret_len)
{
    const char *s = *at;
    bool quoted = false;

    if (s == NULL)
        return false;
    while (s < end && (quoted || *s != separator)) {
        if (*s == '"')
            quoted = !quoted;
        s++;
    }
    *ret_len = (size_t)(s - *at);
    *ret = peer_trim(*at, ret_len);
    *at = s < end ? s + 1 : NULL;
    return true;
}

bool peer_has_token(const char *head, size_t len, const char *name, const char *token)
{
    const char *line = head, *value;
    size_t n;

    while ((value = peer_next_value(&line, head + len, name, &n)) != NULL) {
        const char *at = value, *part;
        size_t n_part;

        while (peer_next_part(&at, value + n, ',', &part, &n_part)) {
            if (peer_same(part, n_part, token))
                return true;
        }
    }
    return false;
}

unsigned peer_window_bits(const char *s, size_t len)
{
    if (len >= 2 && s[0] == '"' && s[len - 1] == '"') {
        s++;
        len -= 2;
    }
    if (len == 1 && (s[0] == '8' || s[0] == '9'))
        return (unsigned)(s[0] - '0');
    if (len == 2 && s[0] == '1' && s[1] >= '0' && s[1] <= '5')
        return 10 + (unsigned)(s[1] - '0');
    return 0;
}

bool peer_accept(const char *key, size_t len, char ret[PEER_ACCEPT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char text[96];
    unsigned n = 0;

    snprintf(text, sizeof(text), "%.*s" GUID, (int)(len < 40 ? len : 40), key);
    if (EVP_Digest(text, strlen(text), digest, &n, EVP_sha1(), NULL) != 1)
        return false;
    EVP_EncodeBlock((unsigned char *)ret, digest, (int)n);
    return true;
}
