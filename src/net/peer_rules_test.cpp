#include <gtest/gtest.h>

#include "net/client.h"

namespace gatehouse::net {
namespace {

bool allowed(const PeerRules& rules, std::string_view ip) { return rules.check("peer.example", 443, ip).has_value(); }

TEST(PeerRules, public_addresses_are_fine) {
  for (const auto* ip : {"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
                         "128.0.0.1", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
                         "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1",
                         "2001:200::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:0808:0808::1", "2a00::5efe:8.8.8.8"})
    EXPECT_TRUE(allowed(PeerRules::public_only(), ip)) << ip;
}

TEST(PeerRules, everything_else_is_refused) {
  for (const auto* ip :
       {"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1",
        "169.254.169.254", "169.254.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "168.63.129.16", "192.0.0.1", "192.0.0.192",
        "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
        "255.255.255.255", "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:a9fe:a9fe", "::ffff:0:8.8.8.8",
        "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::1", "2002:c0a8:101::", "2a00::5efe:10.0.0.1",
        "2a00::200:5efe:127.0.0.1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1"})
    EXPECT_FALSE(allowed(PeerRules::public_only(), ip)) << ip;
}

TEST(PeerRules, what_is_no_address_is_refused_even_for_anyone) {
  for (const auto* ip : {"", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "8.8.8.8 ", "8.8.8.8:80", "[::1]", "2a00::1%1"}) {
    EXPECT_FALSE(allowed(PeerRules::public_only(), ip)) << ip;
    EXPECT_FALSE(allowed(PeerRules::anyone(), ip)) << ip;
  }
}

TEST(PeerRules, a_refusal_says_where_the_host_is) {
  const auto refused = PeerRules::public_only().check("intra.example", 80, "10.1.2.3");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault(), Fault::denied);
  EXPECT_TRUE(refused.error().message().contains("intra.example:80 is at 10.1.2.3"));
}

TEST(PeerRules, an_allowed_host_is_allowed_with_its_port_only) {
  auto rules = PeerRules::public_only();
  rules.allow_host("LocalHost:8080").allow_host("[::1]:8081");
  EXPECT_TRUE(rules.check("localhost", 8080, "127.0.0.1"));
  EXPECT_TRUE(rules.check("::1", 8081, "::1"));
  EXPECT_FALSE(rules.check("localhost", 8081, "127.0.0.1"));
  EXPECT_FALSE(rules.check("localhost.evil.example", 8080, "127.0.0.1"));
}

TEST(PeerRules, an_allowed_network_is_allowed_to_the_bit) {
  auto rules = PeerRules::public_only();
  ASSERT_TRUE(rules.allow_network("10.1.0.0/17"));
  ASSERT_TRUE(rules.allow_network("fd00:1::/33"));
  ASSERT_TRUE(rules.allow_network("192.168.7.7"));
  for (const auto* ip : {"10.1.0.1", "10.1.127.255", "::ffff:10.1.0.1", "fd00:1::1", "192.168.7.7"}) EXPECT_TRUE(allowed(rules, ip)) << ip;
  for (const auto* ip : {"10.1.128.0", "10.2.0.0", "fd00:1:8000::", "192.168.7.8"}) EXPECT_FALSE(allowed(rules, ip)) << ip;
}

TEST(PeerRules, a_bad_network_is_a_fault) {
  auto rules = PeerRules::public_only();
  for (const auto* cidr : {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0/8", "fd00::/129", "host/8", "10.0.0.0/8/8"})
    EXPECT_FALSE(rules.allow_network(cidr)) << cidr;
}

TEST(PeerRules, zero_bits_are_the_whole_family) {
  auto rules = PeerRules::public_only();
  ASSERT_TRUE(rules.allow_network("0.0.0.0/0"));
  EXPECT_TRUE(allowed(rules, "127.0.0.1"));
  EXPECT_FALSE(allowed(rules, "::1"));
}

}  // namespace
}  // namespace gatehouse::net
