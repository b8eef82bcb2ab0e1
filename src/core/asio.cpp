// Boost.Asio is compiled once, here and in net/asio_ssl.cpp (BOOST_ASIO_SEPARATE_COMPILATION), not in every file.
#include <boost/asio/impl/src.hpp>
