/* SPDX-License-Identifier: MIT */
/*
 * The kernel of torture_kernel.h and the scene of torture_scene.h find what they are there to find:
 * each fault is put into an endpoint on purpose, in both roles and on each backend, and must be
 * called by its name. Knows nothing of the faults that test_torture.c has the kernel's calls make.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"
#include "torture_openssl.h"
#include "torture_scene.h"

#define ECHO        "1.1.2" /* one message, then a close */
#define ECHO_FAILED "5.15"  /* one message, then what the endpoint fails the connection for */
#define SIZE        ((size_t)4096)

static struct {
    judge_table *table;
    judge_streams *streams;
    judge_role role;
    wsk_io io;
    torture_tls tls;
    void *left; /* memory that a misdeed did not give back */
} t;

static bool is_server(void)
{
    return t.role == JUDGE_ROLE_CLIENT;
}

static void play(const char *id, const torture_misdeeds *m, const tk_fault *f, torture_result *ret)
{
    const judge_case *c = judge_table_find(t.table, id);
    torture_params params = {.role = t.role, .io = t.io, .tls = t.tls, .streams = t.streams};
    torture_usual usual;

    torture_play(c, &params, ret);
    assert_string_equal(ret->wrong, "");
    assert_int_equal(ret->usual.tally.heard, 1);
    assert_int_equal(ret->usual.tally.messages, 1);
    assert_int_equal(ret->usual.tally.closes, 1);
    usual = ret->usual;
    params.usual = &usual;
    params.fault = f;
    params.misdeeds = m;
    params.set_up = m->set_up != NULL;
    torture_play(c, &params, ret);
}

static bool finds(const char *wrong, const char *word)
{
    if (strstr(wrong, word) != NULL)
        return true;
    print_error("%s, %s: found \"%s\", not \"%s\"\n", is_server() ? "server" : "client",
                t.io == WSK_IO_EPOLL ? "epoll" : "io_uring", wrong, word);
    return false;
}

static void must_find(const torture_misdeeds *m, const tk_fault *f, const char *word)
{
    torture_result r;

    play(ECHO, m, f, &r);
    assert_true(f == NULL || r.fired > 0);
    assert_true(finds(r.wrong, word));
}

/* The misdeed comes with a message, in every role and on every backend there is. */
static void each_finds(torture_echo (*message)(wsk_loop *loop, int fd, int other_fd),
                       const char *word)
{
    const torture_misdeeds m = {.message = message};

    for (int i = 0; i < 4; i++) {
        t.role = i % 2 == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        t.io = i < 2 ? WSK_IO_EPOLL : WSK_IO_URING;
#ifndef WSK_HAVE_URING
        if (t.io == WSK_IO_URING)
            break;
#endif
        must_find(&m, NULL, word);
    }
    t.role = JUDGE_ROLE_CLIENT;
    t.io = WSK_IO_EPOLL;
}

/* ----------------------------------------------------------------------------- descriptors -- */

static torture_echo never_closes(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    assert_true(socket(AF_INET, SOCK_STREAM, 0) >= 0);
    return TORTURE_SENT;
}

static void a_descriptor_that_is_not_closed(void **state)
{
    (void)state;
    each_finds(never_closes, "was not closed");
}

static torture_echo closes_twice(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(fd), -1);
    return TORTURE_SENT;
}

static void a_second_close(void **state)
{
    (void)state;
    each_finds(closes_twice, "is used behind its close");
}

static torture_echo closes_too_early(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)other_fd;
    assert_int_equal(close(fd), 0);
    return TORTURE_SENT;
}

static void a_use_behind_the_close(void **state)
{
    (void)state;
    each_finds(closes_too_early, "is used behind its close");
}

static torture_echo closes_what_is_not_there(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    assert_int_equal(close(tk_fd(TK_FILES)), -1);
    return TORTURE_SENT;
}

static void a_descriptor_that_never_was(void **state)
{
    (void)state;
    each_finds(closes_what_is_not_there, "was never given out");
}

static torture_echo ends_output_twice(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)other_fd;
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    return TORTURE_SENT;
}

static void a_second_shutdown(void **state)
{
    (void)state;
    each_finds(ends_output_twice, "shutdown() for the second time");
}

static torture_echo ends_output(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)other_fd;
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    return TORTURE_SENT;
}

static void a_send_behind_the_shutdown(void **state)
{
    (void)state;
    each_finds(ends_output, "send() behind shutdown()");
}

static torture_echo blocks(wsk_loop *loop, int fd, int other_fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    (void)loop;
    (void)other_fd;
    (void)tk.sys.poll(&p, 1, -1);
    return TORTURE_SENT;
}

static void a_call_that_blocks(void **state)
{
    (void)state;
    each_finds(blocks, "poll() would block");
}

static torture_echo registers_twice(wsk_loop *loop, int fd, int other_fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    int ep = tk.sys.epoll_create1(0);

    (void)loop;
    (void)fd;
    (void)other_fd;
    fd = tk.sys.eventfd(0, 0);
    assert_int_equal(tk.sys.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
    assert_int_equal(tk.sys.epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), -1);
    close(fd);
    close(ep);
    return TORTURE_SENT;
}

static void a_second_registration(void **state)
{
    (void)state;
    each_finds(registers_twice, "epoll_ctl(1)");
}

/* ---------------------------------------------------------------------------------- memory -- */

static torture_echo keeps_a_block(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    t.left = tk.hooks.realloc(tk.hooks.ud, NULL, 10);
    assert_non_null(t.left);
    return TORTURE_SENT;
}

static void a_block_that_is_not_given_back(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const torture_misdeeds m = {.message = keeps_a_block};

        t.role = i == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        must_find(&m, NULL, "1 blocks, 10 octets were not given back");
        tk.hooks.realloc(tk.hooks.ud, t.left, 0);
        t.left = NULL;
    }
    t.role = JUDGE_ROLE_CLIENT;
}

static torture_echo keeps_a_mapping(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    t.left = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(t.left, MAP_FAILED);
    return TORTURE_SENT;
}

static void a_mapping_that_is_not_taken_back(void **state)
{
    const torture_misdeeds m = {.message = keeps_a_mapping};

    (void)state;
    must_find(&m, NULL, "1 mappings were not taken back");
    assert_int_equal(munmap(t.left, SIZE), 0);
    t.left = NULL;
}

/* --------------------------------------------------------------------------------- OpenSSL -- */

/* In both roles, with each kind of handshake, and without one. */
static void each_finds_over_tls(const torture_misdeeds *m, const tk_fault *f, const char *word)
{
    for (int i = 0; i < 2 * TORTURE_TLS_KINDS; i++) {
        t.role = i % 2 == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        t.tls = (torture_tls)(i / 2);
        must_find(m, f, word);
        OPENSSL_free(t.left);
        t.left = NULL;
    }
    t.role = JUDGE_ROLE_CLIENT;
    t.tls = TORTURE_PLAIN;
}

static torture_echo keeps_a_block_of_openssl(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    OPENSSL_free(t.left);
    t.left = OPENSSL_malloc(10);
    assert_non_null(t.left);
    return TORTURE_SENT;
}

static void a_block_of_openssl_that_is_not_given_back(void **state)
{
    (void)state;
    each_finds_over_tls(&(torture_misdeeds){.message = keeps_a_block_of_openssl}, NULL,
                        "1 blocks of OpenSSL were not given back, the last of 10 octets");
}

static torture_echo keeps_a_session(wsk_loop *loop, int fd, int other_fd)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    (void)loop;
    (void)fd;
    (void)other_fd;
    /* The session holds it. */
    assert_non_null(ctx);
    t.left = SSL_new(ctx);
    SSL_CTX_free(ctx);
    return TORTURE_SENT;
}

static void a_session_of_tls_that_is_not_freed(void **state)
{
    (void)state;
    t.tls = TORTURE_TLS13;
    must_find(&(torture_misdeeds){.message = keeps_a_session}, NULL,
              "blocks of OpenSSL were not given back");
    SSL_free(t.left);
    t.left = NULL;
    t.tls = TORTURE_PLAIN;
}

static torture_echo keeps_another(wsk_loop *loop, int fd, int other_fd)
{
    static void *all[8];
    static size_t n;

    (void)loop;
    (void)fd;
    (void)other_fd;
    if (tk.fired > 0) {
        assert_true(n < sizeof(all) / sizeof(all[0]));
        all[n] = OPENSSL_malloc(10);
        assert_non_null(all[n++]);
    }
    return TORTURE_SENT;
}

static torture_echo keeps_one(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    if (tk.fired > 0 && t.left == NULL)
        t.left = OPENSSL_malloc(10);
    return TORTURE_SENT;
}

/* What is made once and kept is no loss, and is found to be none. */
static void a_block_of_openssl_that_is_lost_each_time(void **state)
{
    /* That it failed is not seen: the endpoint could do without. */
    const tk_fault f = {.call = TK_CRYPTO, .err = ENOMEM, .at = 1};
    torture_result r;

    (void)state;
    t.tls = TORTURE_TLS13_RESUMED;
    t.role = JUDGE_ROLE_SERVER;
    for (tk_fault g = f;; g.at++) {
        play(ECHO, &(torture_misdeeds){.message = keeps_one}, &g, &r);
        assert_true(r.fired > 0);
        assert_string_equal(r.wrong, "");
        if (t.left == NULL)
            continue;
        play(ECHO, &(torture_misdeeds){.message = keeps_another}, &g, &r);
        assert_true(finds(r.wrong, "1 blocks of OpenSSL were not given back"));
        break;
    }
    OPENSSL_free(t.left);
    t.left = NULL;
    t.role = JUDGE_ROLE_CLIENT;
    t.tls = TORTURE_PLAIN;
}

/* ---------------------------------------------------------------------------------- echoes -- */

static torture_echo forgets(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    return TORTURE_FORGOTTEN;
}

static void an_echo_that_is_forgotten(void **state)
{
    (void)state;
    each_finds(forgets, "the judge: ");
}

static torture_echo loses(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    return TORTURE_TAKEN_AND_LOST;
}

static void an_echo_that_was_taken_and_lost(void **state)
{
    (void)state;
    each_finds(loses, "1 echoes were taken, 0 sent");
    each_finds_over_tls(&(torture_misdeeds){.message = loses}, NULL, "1 echoes were taken, 0 sent");
}

/* The echo is missing, nobody says that memory was, and the connection ends as it would have
 * without a fault. */
static torture_echo forgets_without_memory(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    return tk.fired > 0 ? TORTURE_FORGOTTEN : TORTURE_SENT;
}

static torture_echo loses_without_memory(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    (void)other_fd;
    return tk.fired > 0 ? TORTURE_TAKEN_AND_LOST : TORTURE_SENT;
}

/* As the connection ends without a fault, but for the code. */
static unsigned hides_memory(unsigned *code, wsk_fail *kind, const char **text)
{
    (void)kind;
    if (tk.fired > 0 && *code != 0) {
        *code = WSK_CLOSE_ABNORMAL;
        *text = "continuation frame without a message to continue";
    }
    return 1;
}

static void an_echo_lost_for_want_of_memory(void **state)
{
    static const torture_misdeeds misdeeds[] = {
        {.message = forgets_without_memory, .end = hides_memory},
        {.message = loses_without_memory, .end = hides_memory},
    };
    torture_result r = {.fired = 1};

    (void)state;
    for (int i = 0; i < 4; i++) {
        unsigned found = 0;

        t.role = i < 2 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        r.fired = 1;
        for (uint32_t at = 1; r.fired > 0; at++) {
            const tk_fault f = {.call = TK_ALLOC, .err = ENOMEM, .at = at, .for_ever = true};

            play(ECHO_FAILED, &misdeeds[i % 2], &f, &r);
            found += strstr(r.wrong, "no word of memory") != NULL ||
                     strstr(r.wrong, "echoes were taken") != NULL;
        }
        assert_true(found > 0);
    }
    t.role = JUDGE_ROLE_CLIENT;
}

/* ------------------------------------------------------------------------------------ ends -- */

static void again(void *ud)
{
    /* Until it is found. */
    if (tk.wrong[0] == 0)
        assert_int_equal(wsk_loop_post(ud, again, ud), WSK_OK);
}

static torture_echo spins(wsk_loop *loop, int fd, int other_fd)
{
    (void)fd;
    (void)other_fd;
    again(loop);
    return TORTURE_FORGOTTEN;
}

static void a_loop_that_turns_without_end(void **state)
{
    (void)state;
    each_finds(spins, "turns without end");
}

static torture_echo harms_the_other(wsk_loop *loop, int fd, int other_fd)
{
    (void)loop;
    (void)fd;
    tk_reset(other_fd - tk_fd(0));
    return TORTURE_SENT;
}

static void harm_to_another_connection(void **state)
{
    (void)state;
    each_finds(harms_the_other, "the other connection");
}

static unsigned tells_nothing(unsigned *code, wsk_fail *kind, const char **text)
{
    (void)code;
    (void)kind;
    (void)text;
    return 0;
}

static unsigned tells_twice(unsigned *code, wsk_fail *kind, const char **text)
{
    (void)code;
    (void)kind;
    (void)text;
    return 2;
}

static unsigned tells_of_peace(unsigned *code, wsk_fail *kind, const char **text)
{
    *code = *kind == WSK_FAIL_NONE ? WSK_CLOSE_NORMAL : 0;
    *kind = *kind == WSK_FAIL_NONE ? WSK_FAIL_NONE : WSK_FAIL_TIMEOUT;
    *text = "closed by the peer";
    return 1;
}

static void an_end_that_is_not_told_once(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        t.role = i == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        must_find(&(torture_misdeeds){.end = tells_nothing}, NULL, "0 ends were told");
        must_find(&(torture_misdeeds){.end = tells_twice}, NULL, "an end came behind the end");
    }
    t.role = JUDGE_ROLE_CLIENT;
}

/* The number, among all calls of a run without a fault, of the i-th of this kind. */
static uint32_t call_number(tk_call call, unsigned i)
{
    const torture_misdeeds none = {.end = NULL};
    torture_result r;

    play(ECHO, &none, NULL, &r);
    assert_string_equal(r.wrong, "");
    for (uint32_t at = 1; at <= r.calls; at++) {
        if (tk_trace[at - 1] == call && i-- == 1)
            return at;
    }
    fail_msg("there is no such call");
    return 0;
}

static void random_numbers_of_openssl_that_are_missing(void **state)
{
    const torture_misdeeds m = {.end = tells_of_peace};

    (void)state;
    t.tls = TORTURE_TLS13;
    for (int i = 0; i < 2; i++) {
        t.role = i == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        const tk_fault f = {.call = TK_NONCE, .err = EIO, .at = call_number(TK_NONCE, 1)};
        must_find(&m, &f, "told as code");
    }
    t.role = JUDGE_ROLE_CLIENT;
    t.tls = TORTURE_PLAIN;
}

static void an_error_that_is_told_as_another(void **state)
{
    static const struct {
        judge_role role;
        tk_call call;
        unsigned i;
        int err;
        const char *word;
    } rows[] = {
        {JUDGE_ROLE_CLIENT, TK_RECV, 2, ECONNRESET, "not as lost (connection reset by peer)"},
        {JUDGE_ROLE_CLIENT, TK_SEND, 2, EPIPE, "not as lost (connection closed by peer)"},
        {JUDGE_ROLE_SERVER, TK_RECV, 2, ECONNRESET, "not as lost (connection reset by peer)"},
        {JUDGE_ROLE_SERVER, TK_SOCKET, 1, EMFILE, "told as failure"},
        {JUDGE_ROLE_SERVER, TK_CONNECT, 1, ECONNREFUSED, "told as failure"},
        {JUDGE_ROLE_SERVER, TK_LOOKUP, 1, EAI_FAIL, "told as failure"},
        {JUDGE_ROLE_SERVER, TK_RANDOM, 1, EIO, "told as code 0, failure"},
    };
    const torture_misdeeds m = {.end = tells_of_peace};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        t.role = rows[i].role;
        const tk_fault f = {
            .call = rows[i].call, .err = rows[i].err, .at = call_number(rows[i].call, rows[i].i)};
        must_find(&m, &f, rows[i].word);
    }
    t.role = JUDGE_ROLE_CLIENT;
}

/* Each of so many of OpenSSL's allocations fails, which the program is told in other words. */
static void a_failure_of_openssl_that_is_not_told(void **state)
{
    const torture_misdeeds m = {.end = tells_of_peace};

    (void)state;
    t.tls = TORTURE_TLS13;
    for (int i = 0; i < 2; i++) {
        unsigned found = 0;

        t.role = i == 0 ? JUDGE_ROLE_CLIENT : JUDGE_ROLE_SERVER;
        for (uint32_t at = 1; at < 1000; at += 50) {
            const tk_fault f = {.call = TK_CRYPTO, .err = ENOMEM, .at = at};
            torture_result r;

            play(ECHO, &m, &f, &r);
            found += strstr(r.wrong, "no word of memory") != NULL;
        }
        assert_true(found > 0);
    }
    t.role = JUDGE_ROLE_CLIENT;
    t.tls = TORTURE_PLAIN;
}

static void want_of_memory_that_is_not_told(void **state)
{
    const torture_misdeeds m = {.end = tells_of_peace};
    torture_result r = {.fired = 1};
    unsigned found = 0;

    (void)state;
    for (uint32_t at = 1; r.fired > 0; at++) {
        const tk_fault f = {.call = TK_ALLOC, .err = ENOMEM, .at = at};

        play(ECHO, &m, &f, &r);
        found += strstr(r.wrong, "no word of memory") != NULL;
    }
    assert_true(found > 0);
}

/* --------------------------------------------------------------------------------- set-up -- */

static int swallows(int r)
{
    (void)r;
    return WSK_OK;
}

static int confuses(int r)
{
    return r < 0 ? WSK_ERR_INVAL : r;
}

static void a_set_up_that_hides_its_fault(void **state)
{
    const tk_fault memory = {.call = TK_ALLOC, .err = ENOMEM, .at = 1};
    const tk_fault sys = {.call = TK_EVENTFD, .err = EMFILE, .at = 1};

    (void)state;
    must_find(&(torture_misdeeds){.set_up = swallows}, &memory, "was swallowed");
    must_find(&(torture_misdeeds){.set_up = confuses}, &memory, "the set-up failed with");
    must_find(&(torture_misdeeds){.set_up = swallows}, &sys, "was swallowed");
    must_find(&(torture_misdeeds){.set_up = confuses}, &sys, "the set-up failed with");
    t.tls = TORTURE_TLS13;
    const tk_fault crypto = {.call = TK_CRYPTO, .err = ENOMEM, .at = 1};
    must_find(&(torture_misdeeds){.set_up = swallows}, &memory, "was swallowed");
    must_find(&(torture_misdeeds){.set_up = confuses}, &crypto, "the set-up failed with");
    t.tls = TORTURE_PLAIN;
}

static int set_up(void **state)
{
    (void)state;
    t.table = judge_table_new();
    t.streams = judge_streams_new();
    t.role = JUDGE_ROLE_CLIENT;
    t.io = WSK_IO_EPOLL;
    if (t.table == NULL || t.streams == NULL)
        return 1;
    torture_ends_init();
    torture_warm_up(judge_table_find(t.table, ECHO), t.streams);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    torture_ends_deinit();
    judge_table_free(t.table);
    judge_streams_free(t.streams);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_descriptor_that_is_not_closed),
        cmocka_unit_test(a_second_close),
        cmocka_unit_test(a_use_behind_the_close),
        cmocka_unit_test(a_descriptor_that_never_was),
        cmocka_unit_test(a_second_shutdown),
        cmocka_unit_test(a_send_behind_the_shutdown),
        cmocka_unit_test(a_call_that_blocks),
        cmocka_unit_test(a_second_registration),
        cmocka_unit_test(a_block_that_is_not_given_back),
        cmocka_unit_test(a_mapping_that_is_not_taken_back),
        cmocka_unit_test(a_block_of_openssl_that_is_not_given_back),
        cmocka_unit_test(a_session_of_tls_that_is_not_freed),
        cmocka_unit_test(a_block_of_openssl_that_is_lost_each_time),
        cmocka_unit_test(an_echo_that_is_forgotten),
        cmocka_unit_test(an_echo_that_was_taken_and_lost),
        cmocka_unit_test(an_echo_lost_for_want_of_memory),
        cmocka_unit_test(a_loop_that_turns_without_end),
        cmocka_unit_test(harm_to_another_connection),
        cmocka_unit_test(an_end_that_is_not_told_once),
        cmocka_unit_test(an_error_that_is_told_as_another),
        cmocka_unit_test(want_of_memory_that_is_not_told),
        cmocka_unit_test(random_numbers_of_openssl_that_are_missing),
        cmocka_unit_test(a_failure_of_openssl_that_is_not_told),
        cmocka_unit_test(a_set_up_that_hides_its_fault),
    };

    tk_openssl_init();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
