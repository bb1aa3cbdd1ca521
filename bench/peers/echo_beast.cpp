/* SPDX-License-Identifier: MIT */
/* A server with Boost.Beast in one thread: echo_beast PORT [MODE [CERT KEY]]. */
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;
/* The executor is named, so that nothing is called through a pointer on the way. */
using Socket = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;

static std::string mode = "echo";

template <class Next>
struct Session : std::enable_shared_from_this<Session<Next>> {
    using Text = std::shared_ptr<const std::string>;
    websocket::stream<Next> ws;
    beast::flat_buffer buffer;
    std::deque<Text> queue;
    static std::unordered_set<Session *> &all()
    {
        static std::unordered_set<Session *> set;
        return set;
    }

    template <class... Args>
    explicit Session(Args &&...args) : ws(std::forward<Args>(args)...)
    {
        ws.read_message_max(32 << 20);
        ws.auto_fragment(false);
        if (mode == "deflate" || mode == "dense") {
            websocket::permessage_deflate d;
            d.server_enable = true;
            d.compLevel = mode == "dense" ? 8 : 1;
            d.memLevel = 8;
            ws.set_option(d);
        }
    }
    ~Session() { all().erase(this); }

    void accept()
    {
        ws.async_accept([s = this->shared_from_this()](error_code e) {
            if (e)
                return;
            if (mode == "broadcast")
                all().insert(s.get());
            s->read();
        });
    }
    void read()
    {
        ws.async_read(buffer, [s = this->shared_from_this()](error_code e, size_t) {
            if (e)
                all().erase(s.get());
            else if (mode == "broadcast")
                s->tell();
            else
                s->echo();
        });
    }
    void echo()
    {
        ws.binary(ws.got_binary());
        ws.async_write(buffer.data(), [s = this->shared_from_this()](error_code e, size_t) {
            s->buffer.clear();
            if (!e)
                s->read();
        });
    }
    void tell()
    {
        auto text = std::make_shared<const std::string>(beast::buffers_to_string(buffer.data()));
        buffer.clear();
        for (auto *s : all()) {
            s->ws.binary(ws.got_binary());
            s->queue.push_back(text);
            if (s->queue.size() == 1)
                s->drain();
        }
        read();
    }
    void drain()
    {
        ws.async_write(asio::buffer(*queue.front()),
                       [s = this->shared_from_this()](error_code e, size_t) {
                           s->queue.pop_front();
                           if (!e && !s->queue.empty())
                               s->drain();
                       });
    }
};

using Plain = Session<Socket>;
using Secure = Session<beast::ssl_stream<Socket>>;

static void accept_next(asio::io_context &io, Acceptor &acceptor, asio::ssl::context *tls)
{
    acceptor.async_accept(io.get_executor(), [&io, &acceptor, tls](error_code e, Socket socket) {
        if (!e) {
            socket.set_option(asio::ip::tcp::no_delay(true));
            if (tls == nullptr) {
                std::make_shared<Plain>(std::move(socket))->accept();
            } else {
                auto s = std::make_shared<Secure>(std::move(socket), *tls);
                s->ws.next_layer().async_handshake(asio::ssl::stream_base::server,
                                                   [s](error_code failed) {
                                                       if (!failed)
                                                           s->accept();
                                                   });
            }
        }
        accept_next(io, acceptor, tls);
    });
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (argc > 2)
        mode = argv[2];
    asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
    asio::ssl::context tls{asio::ssl::context::tls_server};
    bool secure = mode == "tls" && argc > 4;
    if (secure) {
        tls.use_certificate_chain_file(argv[3]);
        tls.use_private_key_file(argv[4], asio::ssl::context::pem);
    }
    asio::ip::tcp::endpoint where{asio::ip::make_address("127.0.0.1"),
                                  static_cast<unsigned short>(std::atoi(argv[1]))};
    Acceptor acceptor{io.get_executor()};
    acceptor.open(where.protocol());
    acceptor.set_option(asio::socket_base::reuse_address(true));
    acceptor.bind(where);
    acceptor.listen(4096);
    accept_next(io, acceptor, secure ? &tls : nullptr);
    io.run();
}
