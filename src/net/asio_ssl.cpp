// The TLS half of Boost.Asio, compiled once (see core/asio.cpp).
#include <boost/asio/ssl/impl/src.hpp>
