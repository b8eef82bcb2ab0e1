#include "crypto/seal.h"

#include <gtest/gtest.h>

#include "core/text.h"

namespace gatehouse::crypto {
namespace {

class Sealing : public testing::Test {
 protected:
  static SealKey key(std::string id, char fill) { return {std::move(id), Secret(std::string(32, fill))}; }
  Sealer made(std::vector<SealKey> keys) { return Sealer::make(std::move(keys), *random_).value(); }
  std::unique_ptr<Random> random_ = seeded_random(1);
};

TEST_F(Sealing, what_is_sealed_opens_in_its_context_only) {
  const auto sealer = made({key("a", 'A')});
  const auto sealed = sealer.seal("users/1", "the secret").value();
  EXPECT_TRUE(sealed.starts_with("gs1.a."));
  EXPECT_EQ(sealed.find("secret"), std::string::npos);
  EXPECT_EQ(sealer.open("users/1", sealed)->reveal(), "the secret");
  EXPECT_EQ(sealer.open("users/2", sealed).error().fault(), Fault::invalid);
  EXPECT_EQ(sealer.open("", sealed).error().fault(), Fault::internal);
  EXPECT_EQ(sealer.seal("", "x").error().fault(), Fault::internal);
}

TEST_F(Sealing, every_change_of_every_character_is_found) {
  const auto sealer = made({key("a", 'A')});
  const auto sealed = sealer.seal("c", "0123456789").value();
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto changed = sealed;
    changed[i] = changed[i] == 'B' ? 'C' : 'B';
    EXPECT_FALSE(sealer.open("c", changed)) << i;
    EXPECT_FALSE(sealer.open("c", sealed.substr(0, i))) << i;
  }
  EXPECT_FALSE(sealer.open("c", sealed + "A"));
}

TEST_F(Sealing, the_same_value_looks_different_each_time) {
  const auto sealer = made({key("a", 'A')});
  EXPECT_NE(sealer.seal("c", "x").value(), sealer.seal("c", "x").value());
}

TEST_F(Sealing, after_a_rotation_old_values_open_and_are_told_as_old) {
  const auto before = made({key("old", 'A')});
  const auto after = made({key("new", 'B'), key("old", 'A')});
  const auto sealed = before.seal("c", "x").value();
  EXPECT_EQ(after.open("c", sealed)->reveal(), "x");
  EXPECT_FALSE(after.is_current(sealed));
  EXPECT_TRUE(after.is_current(after.seal("c", "x").value()));
  EXPECT_EQ(before.open("c", after.seal("c", "x").value()).error().fault(), Fault::missing);
}

TEST_F(Sealing, an_id_cannot_be_swapped_between_keys_of_one_value) {
  const auto twins = made({key("a", 'A'), key("b", 'A')});
  auto sealed = twins.seal("c", "x").value();
  sealed.replace(0, 6, "gs1.b.");
  EXPECT_EQ(twins.open("c", sealed).error().fault(), Fault::invalid);
}

TEST_F(Sealing, bad_keys_are_refused) {
  EXPECT_FALSE(Sealer::make({}, *random_));
  EXPECT_FALSE(Sealer::make({key("a", 'A'), key("a", 'B')}, *random_));
  EXPECT_FALSE(Sealer::make({key("a.b", 'A')}, *random_));
  EXPECT_FALSE(Sealer::make({{"a", Secret("short")}}, *random_));
}

TEST_F(Sealing, sizes_from_nothing_to_the_limit) {
  const auto sealer = made({key("a", 'A')});
  EXPECT_EQ(sealer.open("c", sealer.seal("c", "").value())->reveal(), "");
  const std::string large(kSealPlainMax, 'x');
  EXPECT_EQ(sealer.open("c", sealer.seal("c", large).value())->reveal(), large);
  EXPECT_EQ(sealer.seal("c", large + "x").error().fault(), Fault::limited);
}

}  // namespace
}  // namespace gatehouse::crypto
