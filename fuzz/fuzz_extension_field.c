/* SPDX-License-Identifier: MIT */
/*
 * Sec-WebSocket-Extensions: what the reader takes, the writer can write, and reads back the same.
 * Input: the fields' values, separated by LF.
 */
#include "head_oracle.h"

#include "http/extension_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *text_of(wsk_str s, char *buf)
{
    memcpy(buf, s.ptr, s.len);
    buf[s.len] = 0;
    return buf;
}

/* Both lists hold the same extensions, or the second ends at an overflow of the writer. */
static void compare(const wsk__head *a, const wsk__head *b)
{
    wsk__list_pos pos_a = {0}, pos_b = {0};
    wsk__ext_item item_a, item_b;
    const char *why;

    for (;;) {
        int r = wsk__ext_next(a, &pos_a, &item_a, &why);
        int s = wsk__ext_next(b, &pos_b, &item_b, &why);

        expect(s == (r == 1 ? 1 : 0));
        if (s == 0)
            return;
        expect(wsk__str_eq(item_a.name, item_b.name) && item_a.n_params == item_b.n_params);
        for (size_t i = 0; i < item_a.n_params; i++) {
            expect(wsk__str_eq(item_a.params[i].name, item_b.params[i].name));
            expect(wsk__str_eq(item_a.params[i].value, item_b.params[i].value));
            expect((item_a.params[i].value.ptr == NULL) == (item_b.params[i].value.ptr == NULL));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wsk__field fields[ORACLE_FIELDS];
    wsk__head head = {.fields = fields};
    wsk__list_pos pos = {0};
    wsk__ext_item item;
    wsk_ext_writer w;
    const char *why = NULL, *text = (const char *)data;
    char name[1024], param[1024], value[1024];
    size_t total = 0;
    int r;

    if (size > 900)
        return 0;
    for (size_t i = 0, begin = 0; i <= size && head.n_fields < ORACLE_FIELDS; i++) {
        if (i < size && data[i] != '\n')
            continue;
        fields[head.n_fields].name = wsk__str("sec-websocket-extensions");
        fields[head.n_fields++].value = wsk__str_trim(wsk__strn(text + begin, i - begin));
        begin = i + 1;
    }
    memset(&w, 0, sizeof(w));
    while ((r = wsk__ext_next(&head, &pos, &item, &why)) == 1) {
        expect(wsk__is_token(item.name) && item.n_params <= WSK__EXT_MAX_PARAMS);
        /* The writer keeps no copy of the name; it only lives until the next one begins. */
        wsk__ext_writer_begin(&w, text_of(item.name, name));
        for (size_t i = 0; i < item.n_params; i++) {
            const wsk_ext_param *p = &item.params[i];

            expect(wsk__is_token(p->name));
            expect(p->value.ptr == NULL || wsk__is_token(p->value));
            expect(wsk_ext_writer_param(&w, text_of(p->name, param),
                                        p->value.ptr ? text_of(p->value, value) : NULL) ==
                   (w.overflow ? WSK_ERR_LIMIT : WSK_OK));
        }
        expect(++total <= WSK__EXT_MAX_OFFERS && pos.count == total);
    }
    expect(r == 0 ? why == NULL : why != NULL);
    expect(w.len < sizeof(w.text) && strlen(w.text) == w.len);
    if (!w.overflow) {
        wsk__field field = {wsk__str("Sec-WebSocket-Extensions"), wsk__strn(w.text, w.len)};
        wsk__head again = {.fields = &field, .n_fields = 1};

        compare(&head, &again);
    }
    return 0;
}
