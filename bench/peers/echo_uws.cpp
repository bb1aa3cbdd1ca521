/* SPDX-License-Identifier: MIT */
/*
 * An echo server with uWebSockets: echo_uws PORT [MODE [CERT KEY]]. Neither Debian nor npm has it;
 * "bench/run --uws FOLDER" builds this with a checkout that has its submodule uSockets.
 */
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "App.h"

namespace {

struct None {};

template <bool SSL>
int serve(uWS::TemplatedApp<SSL> &&app, int port, const std::string &mode)
{
    using Socket = uWS::WebSocket<SSL, true, None>;
    typename uWS::TemplatedApp<SSL>::template WebSocketBehavior<None> b;
    bool compress = mode == "deflate" || mode == "dense";
    bool broadcast = mode == "broadcast";

    b.compression = mode == "deflate" ? uWS::CompressOptions(uWS::SHARED_COMPRESSOR)
                    : mode == "dense"
                        ? uWS::CompressOptions(uWS::DEDICATED_COMPRESSOR | uWS::DEDICATED_DECOMPRESSOR)
                        : uWS::DISABLED;
    b.maxPayloadLength = 32 << 20;
    b.maxBackpressure = 64 << 20;
    b.idleTimeout = 120;
    b.open = [broadcast](Socket *ws) {
        if (broadcast)
            ws->subscribe("all");
    };
    auto *self = &app;
    b.message = [self, compress, broadcast](Socket *ws, std::string_view m, uWS::OpCode op) {
        if (broadcast)
            self->publish("all", m, op, false);
        else
            ws->send(m, op, compress);
    };
    app.template ws<None>("/*", std::move(b))
        .listen("127.0.0.1", port,
                [](auto *socket) {
                    if (socket == nullptr)
                        std::exit(1);
                })
        .run();
    return 1;
}

} // namespace

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    std::string mode = argc > 2 ? argv[2] : "echo";
    if (mode == "tls" && argc > 4) {
        uWS::SocketContextOptions o;
        o.cert_file_name = argv[3];
        o.key_file_name = argv[4];
        return serve<true>(uWS::SSLApp(o), std::atoi(argv[1]), mode);
    }
    return serve<false>(uWS::App(), std::atoi(argv[1]), mode);
}
