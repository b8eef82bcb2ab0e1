#include <gtest/gtest.h>

#include "core/spawn.h"
#include "net/client.h"

namespace gatehouse::net {
namespace {

struct SystemResolverTest : testing::Test {
  Pool pool = Pool("dns", 1, 4);
  std::unique_ptr<Resolver> resolver = system_resolver(pool);
};

TEST_F(SystemResolverTest, localhost_is_loopback_whoever_says_otherwise) {
  const std::vector<std::string> loopback = {"127.0.0.1", "::1"};
  for (const auto* name : {"localhost", "wiki.localhost", "a.b.localhost"}) EXPECT_EQ(run(resolver->resolve(name)).value(), loopback) << name;
}

TEST_F(SystemResolverTest, addresses_are_themselves) {
  for (const auto* address : {"192.0.2.7", "::1", "2001:db8::7"})
    EXPECT_EQ(run(resolver->resolve(address)).value(), std::vector<std::string>{address});
}

TEST_F(SystemResolverTest, a_name_that_does_not_exist_is_an_upstream_failure) {
  const auto found = run(resolver->resolve("no-such-host.invalid"));   // RFC 6761 §6.4: never exists
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().fault(), Fault::upstream);
  EXPECT_TRUE(found.error().message().contains("no-such-host.invalid"));
}

TEST_F(SystemResolverTest, a_full_pool_is_told_and_not_waited_for) {
  Pool none("dns", 0, 0);
  const auto found = run(system_resolver(none)->resolve("example.invalid"));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().fault(), Fault::limited);
}

}  // namespace
}  // namespace gatehouse::net
