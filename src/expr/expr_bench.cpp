// What a claim costs, and how long the worst that we could think of may keep a thread (default budget).
#include <benchmark/benchmark.h>

#include <string>

#include "expr/sample_context.h"

namespace gatehouse::expr {
namespace {

void run(benchmark::State& state, const std::string& text) {
  const SampleContext context;
  const auto expression = Expression::parse(text, sample_vocabulary()).value();
  for (auto _ : state) benchmark::DoNotOptimize(expression.evaluate(context));
}

std::string in_loops(const std::string& text) {
  const std::string ten = "{1,2,3,4,5,6,7,8,9,10}.![";
  return ten + ten + ten + ten + ten + ten + text + "]]]]]]";
}

void parse_claim(benchmark::State& state) {
  const auto vocabulary = Vocabulary::claims();
  for (auto _ : state)
    benchmark::DoNotOptimize(
        Expression::parse("String.toLowerCase(substring(user.firstName, 0, 1)) + user.lastName", vocabulary));
}
void one_attribute(benchmark::State& state) { run(state, "user.email"); }
void a_claim(benchmark::State& state) {
  run(state, "String.toLowerCase(substring(user.firstName, 0, 1)) + user.lastName");
}
void a_group_rule(benchmark::State& state) {
  run(state, "user.department matches 'California-[a-zA-Z]+-Sales' AND isMemberOfGroupNameStartsWith('West')");
}
void worst_empty(benchmark::State& state) { run(state, in_loops("1")); }
void worst_call(benchmark::State& state) { run(state, in_loops("{}.add(1).add('x').size().toString().length()")); }
void worst_time(benchmark::State& state) { run(state, in_loops("Time.now('EST', 'EEEE')")); }
void worst_zone(benchmark::State& state) {
  run(state, in_loops("'2015-07-31T17:18:37Z'.toZone('Pacific/Wallis').toString()"));
}
void worst_list(benchmark::State& state) { run(state, in_loops("access.scope")); }
void worst_text(benchmark::State& state) {
  run(state, in_loops("'" + std::string(400, 'x') + "'.toUpperCase().length()"));
}
void worst_compiled_regex(benchmark::State& state) {
  run(state, in_loops("'a' matches (user.firstName + '(x|y){200}')"));
}
void worst_regex(benchmark::State& state) {
  std::string text;
  for (unsigned i = 0, x = 1; i < 4'000; ++i) text += (x = x * 1103515245 + 12345) >> 20 & 1 ? 'x' : 'y';
  run(state, in_loops("'" + text + "' matches '(x|y)*x(x|y){100}z'"));
}

BENCHMARK(parse_claim);
BENCHMARK(one_attribute);
BENCHMARK(a_claim);
BENCHMARK(a_group_rule);
BENCHMARK(worst_empty);
BENCHMARK(worst_call);
BENCHMARK(worst_time);
BENCHMARK(worst_zone);
BENCHMARK(worst_list);
BENCHMARK(worst_text);
BENCHMARK(worst_compiled_regex);
BENCHMARK(worst_regex);

}  // namespace
}  // namespace gatehouse::expr
