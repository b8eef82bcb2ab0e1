#include "net/head_text.h"

#include <gtest/gtest.h>

namespace gatehouse::net {
namespace {

TEST(HeadText, appends_and_leaves_nothing_behind_its_text) {
  std::string out = "GET / HTTP/1.1\r\n";
  HeadText(out).line("Host", "a.example").line("Content-Length", std::uint64_t(18446744073709551615U)).add("").add("\r\n");
  EXPECT_EQ(out, "GET / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 18446744073709551615\r\n\r\n");
}

TEST(HeadText, grows_however_large_the_pieces_are) {
  for (const std::size_t size : {0, 1, 511, 512, 513, 1023, 5000, 100'000}) {
    const std::string piece(size, 'x');
    std::string out, wanted;
    {
      HeadText text(out);
      for (int i = 0; i < 7; ++i) {
        text.add(piece).line("N", piece);
        wanted += piece + "N: " + piece + "\r\n";
      }
    }
    EXPECT_EQ(out, wanted) << size;
  }
}

// A line that was read is written as it stood, with one space after its colon, whatever stood there.
TEST(HeadText, a_field_is_written_in_our_spelling) {
  const std::string_view good = "Name: value", tight = "Name:value", wide = "Name:  value", tab = "Name:\tvalue";
  for (const auto line : {good, tight, wide, tab}) {
    std::string out;
    HeadText(out).line(Field{.name = line.substr(0, 4), .value = line.substr(line.find('v'))});
    EXPECT_EQ(out, "Name: value\r\n") << line;
  }
  std::string out;
  HeadText(out).line(Field{.name = good.substr(0, 4), .value = {}});
  EXPECT_EQ(out, "Name: \r\n");
}

}  // namespace
}  // namespace gatehouse::net
