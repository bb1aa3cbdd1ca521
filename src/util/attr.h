/* SPDX-License-Identifier: MIT */
/* The one place for compiler extensions. Everything else is C11. */
#ifndef WSK_UTIL_ATTR_H
#define WSK_UTIL_ATTR_H

#if defined(__GNUC__)
#define WSK__LIKELY(x)   __builtin_expect(!!(x), 1)
#define WSK__UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WSK__UNUSED      __attribute__((unused))
#define WSK__NOINLINE    __attribute__((noinline))
#define WSK__INLINE      inline __attribute__((always_inline))
#define WSK__TARGET(t)   __attribute__((target(t)))
#define WSK__COLD        __attribute__((cold, noinline))
/* Of fuzz targets: a loop over octets whose rounds are no coverage, and take their time if counted.
 */
#ifdef __clang__
#define WSK__UNCOUNTED __attribute__((noinline, no_sanitize("coverage")))
#else
#define WSK__UNCOUNTED
#endif
#define WSK__FALLTHROUGH __attribute__((fallthrough))
#else
#define WSK__LIKELY(x)   (x)
#define WSK__UNLIKELY(x) (x)
#define WSK__UNUSED
#define WSK__NOINLINE
#define WSK__INLINE inline
#define WSK__TARGET(t)
#define WSK__COLD
#define WSK__UNCOUNTED
#define WSK__FALLTHROUGH ((void)0)
#endif

/* Number of elements of an array (not of a pointer). */
#define WSK__COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Address of the object of which p is a member. */
#define WSK__CONTAINER(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* Leaves the function with a negative result of expr. */
#define WSK_TRY(expr)                                                                              \
    do {                                                                                           \
        int wsk_try_result_ = (expr);                                                              \
        if (wsk_try_result_ < 0)                                                                   \
            return wsk_try_result_;                                                                \
    } while (0)

#endif
