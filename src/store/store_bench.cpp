// Units and reads per second with 64 callers at once, on every database that is there; a unit is what spending a
// refresh token costs: a compare-and-set and an insert.
#include <benchmark/benchmark.h>

#include <atomic>
#include <boost/asio/thread_pool.hpp>

#include "core/spawn.h"
#include "store/backends.h"

namespace gatehouse::store {
namespace {

constexpr int kCallers = 64, kEach = 50;

std::shared_ptr<Database> prepared(benchmark::State& state) {
  const auto backend = every_backend()[static_cast<std::size_t>(state.range(0))];
  state.SetLabel(backend.name());
  if (!backend.missing().empty()) {
    state.SkipWithError(backend.missing().c_str());
    return nullptr;
  }
  auto database = backend.open().value();
  Unit unit;
  unit.push_back(Statement("create table tokens (id text not null primary key, spent bigint not null)"));
  std::ignore = run(database->write(std::move(unit)));
  return database;
}

boost::asio::awaitable<void> spend(Database& database, std::int64_t first) {
  for (std::int64_t i = first; i < first + kEach; ++i) {
    Unit unit;
    std::vector<Param> old_id{std::to_string(i - 1)}, new_id{std::to_string(i)};
    const std::int64_t rows = i == first ? 0 : 1;
    unit.push_back(Statement("update tokens set spent = 1 where id = $1 and spent = 0", std::move(old_id)).expect(rows, Error(Fault::denied, "spent")));
    unit.emplace_back("insert into tokens (id, spent) values ($1, 0)", std::move(new_id));
    auto done = co_await database.write(std::move(unit));
    if (!done) throw std::runtime_error(done.error().trail());
  }
}

boost::asio::awaitable<void> look(Database& database) {
  for (int i = 0; i < kEach; ++i) {
    std::vector<Param> id{std::to_string(i)};
    Statement select("select id, spent from tokens where id = $1", std::move(id));
    auto rows = co_await database.read(std::move(select));
    if (!rows) throw std::runtime_error(rows.error().trail());
  }
}

template <class Work>
void all_at_once(Work work) {
  boost::asio::thread_pool threads(2);
  for (int caller = 0; caller < kCallers; ++caller) spawn(threads.get_executor(), work(caller));
  threads.join();
}

void units(benchmark::State& state) {
  auto database = prepared(state);
  if (!database) return;
  std::int64_t first = 1;
  for (auto _ : state) {
    all_at_once([&](int caller) { return spend(*database, first + caller * 2 * kEach); });
    first += kCallers * 2 * kEach;
  }
  state.SetItemsProcessed(state.iterations() * kCallers * kEach);
  const auto stats = database->stats();
  state.counters["units/commit"] = static_cast<double>(stats.units) / static_cast<double>(stats.commits);
}
BENCHMARK(units)->DenseRange(0, 2)->UseRealTime()->MeasureProcessCPUTime();

void reads(benchmark::State& state) {
  auto database = prepared(state);
  if (!database) return;
  for (auto _ : state) all_at_once([&](int) { return look(*database); });
  state.SetItemsProcessed(state.iterations() * kCallers * kEach);
}
BENCHMARK(reads)->DenseRange(0, 2)->UseRealTime()->MeasureProcessCPUTime();

}  // namespace
}  // namespace gatehouse::store
