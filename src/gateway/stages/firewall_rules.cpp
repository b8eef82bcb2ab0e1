#include "gateway/stages/firewall_rules.h"

#include <fmt/format.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <re2/re2.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <span>

#include "core/text.h"

namespace gatehouse::gateway {
namespace {

namespace fs = std::filesystem;

// Directives that only say what is looked for.
constexpr std::string_view kKnown[] = {
    "secrule",
    "secaction",
    "secmarker",
    "secdefaultaction",
    "seccomponentsignature",
    "secruleremovebyid",
    "secruleremovebytag",
    "secruleremovebymsg",
    "secruleupdatetargetbyid",
    "secruleupdatetargetbytag",
    "secruleupdatetargetbymsg",
    "secruleupdateactionbyid",
    "seccollectiontimeout",
    "secargumentseparator",
    "secwebappid",
    "secunicodemapfile",
    "secgeolookupdb",
};
// Those that Gatehouse decides, and where.
constexpr std::pair<std::string_view, std::string_view> kOurs[] = {
    {"secruleengine", "write `mode: block` or `mode: detect`"},
    {"secrequestbodyaccess", "request bodies are inspected; write `body_max`"},
    {"secrequestbodylimit", "write `body_max`"},
    {"secrequestbodynofileslimit", "write `body_max`"},
    {"secrequestbodyinmemorylimit", "bodies never leave the memory"},
    {"secrequestbodylimitaction", "write `over_body_max`"},
    {"secrequestbodyjsondepthlimit", "JSON may be 64 levels deep"},
    {"secargumentslimit", "1000 are inspected; rule 200007 refuses more"},
    {"secresponsebodyaccess", "write `answers: true`"},
    {"secresponsebodylimit", "write `answer_max`"},
    {"secresponsebodylimitaction", "what lies beyond `answer_max` is passed on"},
    {"secresponsebodymimetype", "text, JSON and XML are inspected"},
    {"include", "name the file under `rules`, in the order in which it is needed"},
    {"secremoterules", "rules are never fetched: keep a file of them"},
    {"secrulescript", "rules cannot start programs"},
};

constexpr std::string_view kSkipped[] = {
    "REQUEST-910-IP-REPUTATION.conf",   // asks the network about addresses, and remembers them without a bound: write
                                        // `limits`
    "REQUEST-912-DOS-PROTECTION.conf",  // counts addresses without a bound: write `limits`
    "RESPONSE-980-CORRELATION.conf",    // phase 5: sums up for an audit log
};

std::unexpected<Error> fault_at(const RuleText& text, std::size_t line, std::string_view what) {
  return failure(Fault::invalid, fmt::format("{}:{}: {}", text.file, line, what));
}

// Lines that end in a backslash go on.
struct Logical {
  std::string text;
  std::size_t line = 0;  // where it begins
};

bool is_commented_rule(std::string_view comment) {
  const auto word = to_lower(trim(comment.substr(1)));
  return word.starts_with("secrule") || word.starts_with("secaction");
}

std::vector<Logical> logical_lines(std::string_view text) {
  std::vector<Logical> all;
  bool goes_on = false, comment_goes_on = false;
  std::size_t number = 0;
  for (auto line : split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const bool ends_in_backslash = line.ends_with('\\');
    if (comment_goes_on) {
      comment_goes_on = ends_in_backslash;
      continue;
    }
    const auto bare = trim(line);
    if (!goes_on && bare.starts_with('#')) {
      comment_goes_on = ends_in_backslash && is_commented_rule(bare);
      continue;
    }
    if (!goes_on && bare.empty()) continue;
    if (!goes_on) all.push_back({{}, number});
    all.back().text.append(ends_in_backslash ? line.substr(0, line.size() - 1) : line);
    goes_on = ends_in_backslash;
  }
  return all;
}

// Words of a directive; quotes hold one together, a backslash takes the next character as it is.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t')) {
      inside = false;
      continue;
    }
    if (!inside) words.emplace_back();
    inside = true;
    if (quote == 0 && c == '"' && words.back().empty()) {
      quote = c;
    } else if (c == '\\' && i + 1 < text.size()) {
      words.back().append(text.substr(i++, 2));
    } else if (quote != 0 && c == quote) {
      quote = 0;
      inside = false;
    } else {
      words.back().push_back(c);
    }
  }
  return words;
}

struct Forbidden {
  std::string_view pattern, why;
};

// Looked for in every line that is no comment, however it is quoted: what reaches outside.
constexpr Forbidden kAnywhere[] = {
    {R"(\bSecRemoteRules\b)", "SecRemoteRules: rules are never fetched; keep a file of them"},
    {R"(\bSecRuleScript\b)", "SecRuleScript: rules cannot start programs"},
    {R"(@inspectFile\b)", "@inspectFile: rules cannot start programs"},
    {R"(@(?:rbl|gsbLookup)\b)", "@rbl and @gsbLookup: rules ask nobody on the network"},
    {R"(@(?:pmFromFile|pmf|ipMatchFromFile|ipMatchF|validateDTD|validateSchema)\s+[a-z+]+://)",
     "a data file lies on this machine: nothing is fetched"},
};
constexpr Forbidden kInActions[] = {
    {R"((?:^|[\s,'"])exec\s*:)", "exec: rules cannot start programs"},
    {R"((?:^|[\s,'"])setvar\s*:\s*['"]?\s*!?(?:ip|global|resource|session|user)\.)",
     "setvar of a persistent collection: nothing bounds its memory; count with `limits`"},
};

class Finder {
 public:
  explicit Finder(std::span<const Forbidden> all) : all_(all) {
    RE2::Options options;
    options.set_case_sensitive(false);
    for (const auto& one : all) patterns_.push_back(std::make_unique<RE2>(one.pattern, options));
  }
  // Why the text is refused; empty: it is not.
  std::string_view find(std::string_view text) const {
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (RE2::PartialMatch(text, *patterns_[i])) return all_[i].why;
    return {};
  }

 private:
  std::span<const Forbidden> all_;
  std::vector<std::unique_ptr<RE2>> patterns_;
};

constexpr std::string_view kOperators[] = {
    "beginswith",
    "contains",
    "containsword",
    "detectsqli",
    "detectxss",
    "endswith",
    "eq",
    "fuzzyhash",
    "ge",
    "geolookup",
    "gt",
    "ipmatch",
    "ipmatchf",
    "ipmatchfromfile",
    "le",
    "lt",
    "nomatch",
    "pm",
    "pmf",
    "pmfromfile",
    "rx",
    "rxglobal",
    "streq",
    "strmatch",
    "unconditionalmatch",
    "validatebyterange",
    "validatedtd",
    "validatehash",
    "validateschema",
    "validateurlencoding",
    "validateutf8encoding",
    "verifycc",
    "verifycpf",
    "verifyssn",
    "verifysvnr",
    "within",
};

// The engine takes an operator that it does not know for a pattern, and a pattern that does not compile for one that
// never matches: both would stand there and protect nobody.
std::string wrong_operator(std::string_view text) {
  text = trim(text);
  if (text.starts_with('!')) text = trim(text.substr(1));
  auto pattern = text;
  if (text.starts_with('@')) {
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    const auto name = to_lower(text.substr(1, end - 1));
    if (std::ranges::find(kOperators, name) == std::end(kOperators))
      return fmt::format("@{} is not an operator", name.substr(0, 64));
    if (!name.starts_with("rx")) return {};
    pattern = trim(text.substr(end));
  }
  if (pattern.contains("%{")) return {};  // known only when a request is there
  int code = 0;
  PCRE2_SIZE at = 0;
  auto* compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                 PCRE2_DOTALL | PCRE2_MULTILINE, &code, &at, nullptr);
  if (compiled != nullptr) {
    pcre2_code_free(compiled);
    return {};
  }
  unsigned char why[128] = {};
  pcre2_get_error_message(code, why, sizeof why);
  return fmt::format("the pattern cannot be used: {} at its character {}", reinterpret_cast<const char*>(why), at);
}

Result<void> check_directive(const RuleText& text, const Logical& logical) {
  static const Finder anywhere(kAnywhere), in_actions(kInActions);
  const auto words = words_of(logical.text);
  const auto name = to_lower(words.empty() ? std::string_view() : std::string_view(words.front()));
  for (const auto& [ours, todo] : kOurs)
    if (equal_ignoring_case(ours, name))
      return fault_at(text, logical.line, fmt::format("{}: is decided by gatehouse; {}", words.front(), todo));
  if (std::ranges::find(kKnown, name) == std::end(kKnown))
    return fault_at(text, logical.line,
                    fmt::format("'{}' is not a directive that a rules file may have; rules, markers and exclusions are",
                                name.substr(0, 64)));
  // Two directives on one line could hide one from us.
  const std::size_t most = name == "secrule"                                                          ? 4
                           : name == "secaction" || name == "secmarker" || name == "secdefaultaction" ? 2
                                                                                                      : 8;
  if (words.size() > most)
    return fault_at(text, logical.line,
                    fmt::format("{}: has {} words behind it, and not at most {}; check the quotes", words.front(),
                                words.size() - 1, most - 1));
  if (const auto why = anywhere.find(logical.text); !why.empty()) return fault_at(text, logical.line, why);
  if (name == "secrule" && words.size() > 2)
    if (const auto why = wrong_operator(words[2]); !why.empty()) return fault_at(text, logical.line, why);
  if (words.size() > 1)
    if (const auto why = in_actions.find(words.back()); !why.empty()) return fault_at(text, logical.line, why);
  return {};
}

Result<RuleText> read_rule_file(const fs::path& path, std::size_t& left) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return failure(Fault::invalid, path.string() + ": cannot be read");
  RuleText text{.text = std::string(left + 1, '\0'), .file = path.string()};
  file.read(text.text.data(), static_cast<std::streamsize>(text.text.size()));
  text.text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.text.size() > left)
    return failure(Fault::invalid,
                   fmt::format("{}: with it, the rules are more than {} MiB", path.string(), kRuleBytesMax >> 20));
  left -= text.text.size();
  if (text.text.contains('\0')) return failure(Fault::invalid, path.string() + ": is not a text");
  if (!text.text.ends_with('\n')) text.text += '\n';
  return text;
}

bool matches(std::string_view pattern, std::string_view name) {  // '*' only
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const auto rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= name.size(); ++at)
    if (matches(rest, name.substr(at))) return true;
  return false;
}

Result<std::vector<fs::path>> files_of(const fs::path& folder, std::string_view pattern) {
  std::vector<fs::path> found;
  std::error_code fault;
  for (fs::directory_iterator at(folder, fault), end; !fault && at != end; at.increment(fault)) {
    if (!matches(pattern, at->path().filename().string())) continue;
    if (found.size() == kRuleFilesMax)
      return failure(Fault::invalid, fmt::format("{}: more than {} files", (folder / pattern).string(), kRuleFilesMax));
    found.push_back(at->path());
  }
  if (fault) return failure(Fault::invalid, fmt::format("{}: {}", folder.string(), fault.message()));
  std::ranges::sort(found);
  return found;
}

// What comes before all rules: how bodies are read, and what may not be unreadable. The numbers are those that these
// rules have in ModSecurity's recommended configuration.
std::string preamble(const FirewallConfig& config) {
  constexpr std::string_view kRules = R"(
SecRule REQUEST_HEADERS:Content-Type "@rx ^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "@rx ^application/(?:[a-z0-9.-]+\+)?json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'The body is not what its type says'"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'A multipart body that others may read differently'"
SecRule MULTIPART_UNMATCHED_BOUNDARY "@eq 1" "id:200004,phase:2,t:none,log,deny,status:400,msg:'A multipart body with a boundary too much'"
SecRule &ARGS "@ge 1000" "id:200007,phase:2,t:none,log,deny,status:400,msg:'More arguments than are inspected'"
)";
  return fmt::format(
      "SecRuleEngine On\nSecAuditEngine Off\nSecDebugLogLevel 0\nSecUploadKeepFiles Off\nSecTmpSaveUploadedFiles Off\n"
      "SecXmlExternalEntity Off\nSecRequestBodyAccess On\nSecRequestBodyLimit {0}\nSecRequestBodyNoFilesLimit {0}\n"
      "SecRequestBodyLimitAction Reject\nSecRequestBodyJsonDepthLimit 64\nSecArgumentsLimit 1000\n"
      "SecResponseBodyAccess {1}\nSecResponseBodyLimit {2}\nSecResponseBodyLimitAction ProcessPartial\n"
      "SecResponseBodyMimeType text/plain text/html text/xml text/css text/javascript application/json application/xml "
      "application/problem+json\n{3}",
      config.body_max + 1024, config.answers ? "On" : "Off", config.answer_max + 1024, kRules);
}

// Stands directly before the Core Rule Set, instead of its crs-setup.conf. What a file before it has set stays.
std::string crs_setup(const FirewallConfig& config, bool knows_log4shell) {
  std::string set = "setvar:tx.crs_setup_version=334";
  if (config.paranoia)
    for (const auto* name : {"paranoia_level", "blocking_paranoia_level", "detection_paranoia_level"})
      set += fmt::format(",setvar:tx.{}={}", name, *config.paranoia);
  if (config.threshold) set += fmt::format(",setvar:tx.inbound_anomaly_score_threshold={}", *config.threshold);
  auto text = fmt::format("SecAction \"id:99000,phase:1,t:none,pass,nolog,{}\"\n", set);
  // Methods are the route's to allow, and APIs have more types than forms.
  text += R"SEC(
SecRule &TX:allowed_methods "@eq 0" "id:99001,phase:1,t:none,pass,nolog,\
    setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
SecRule &TX:allowed_request_content_type "@eq 0" "id:99002,phase:1,t:none,pass,nolog,\
    setvar:'tx.allowed_request_content_type=|application/x-www-form-urlencoded| |multipart/form-data| |multipart/related| \
|text/xml| |application/xml| |application/soap+xml| |application/json| |application/problem+json| |application/merge-patch+json| \
|application/json-patch+json| |application/scim+json| |application/vnd.api+json| |application/cloudevents+json| \
|application/cloudevents-batch+json|)SEC";
  if (config.grpc) text += " |application/grpc| |application/grpc+proto|";
  text += "'\"\n";
  // CVE-2021-44228. The Core Rule Set looks into all headers for it from version 4 on, under this number.
  if (!knows_log4shell)
    text += R"SEC(
SecRule REQUEST_LINE|ARGS|ARGS_NAMES|REQUEST_COOKIES|REQUEST_COOKIES_NAMES|REQUEST_HEADERS|XML:/*|XML://@* \
    "@rx (?i)\$\{[^}]{0,15}(?:\$\{|jndi|ctx)" \
    "id:944150,phase:2,pass,log,t:none,t:urlDecodeUni,t:htmlEntityDecode,msg:'Lookup of Log4j',tag:'attack-rce',severity:'CRITICAL',\
    setvar:'tx.rce_score=+%{tx.critical_anomaly_score}',setvar:'tx.anomaly_score_pl1=+%{tx.critical_anomaly_score}'"
)SEC";
  return text;
}

Result<void> add_core_rules(const FirewallConfig& config, std::vector<RuleText>& texts, std::size_t& left) {
  const auto files = files_of(config.crs, "*.conf");
  if (!files || files->empty())
    return failure(
        Fault::invalid,
        config.crs + ": the Core Rule Set is not there; install modsecurity-crs, or write `crs: /its/rules`");
  std::vector<RuleText> core;
  for (const auto& path : *files) {
    const auto name = path.filename().string();
    if (std::ranges::find(kSkipped, name) != std::end(kSkipped) || (!config.answers && name.starts_with("RESPONSE-")))
      continue;
    GH_TRY(auto text, read_rule_file(path, left));
    // Whoever scans would be remembered by address and User-Agent, that is, without a bound; nothing here asks for it.
    static const RE2 kRemembered(R"(setvar:'!?(?:ip|global|resource|session|user)\.[^']*')");
    RE2::GlobalReplace(&text.text, kRemembered, "setvar:'tx.not_remembered=1'");
    core.push_back(std::move(text));
  }
  const bool knows_log4shell =
      std::ranges::any_of(core, [](const auto& text) { return text.text.contains("id:944150"); });
  texts.push_back({crs_setup(config, knows_log4shell), "the setup of owasp-crs"});
  std::ranges::move(core, std::back_inserter(texts));
  return {};
}

Result<void> add_files(const std::string& wanted, std::vector<RuleText>& texts, std::size_t& left) {
  const fs::path path(wanted);
  auto files = std::vector<fs::path>{path};
  if (wanted.contains('*')) {
    GH_TRY(files, files_of(path.parent_path(), path.filename().string()));
    if (files.empty()) return failure(Fault::invalid, wanted + ": no such file");
  }
  for (const auto& file : files) {
    GH_TRY(auto text, read_rule_file(file, left));
    GH_DO(check_rule_text(text));
    texts.push_back(std::move(text));
  }
  return {};
}

bool is_exclusion(std::string_view text) {
  const auto dash = text.find('-');
  const auto number = [](std::string_view part) { return part.size() <= 9 ? parse_int(part).value_or(0) : 0; };
  const auto first = number(text.substr(0, dash));
  return first > 0 && (dash == std::string_view::npos || number(text.substr(dash + 1)) > first);
}

// Without the rules that add up nothing would ever be blocked.
bool covers_evaluation(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = parse_int(text.substr(0, dash)).value_or(0);
  const auto last = dash == std::string_view::npos ? first : parse_int(text.substr(dash + 1)).value_or(0);
  return (first <= 949110 && 949110 <= last) || (first <= 959100 && 959100 <= last);
}

constexpr std::string_view kTagsOfAll[] = {"application-multi", "language-multi", "platform-multi", "attack-generic",
                                           "OWASP_CRS"};

}  // namespace

Result<void> check_rule_text(const RuleText& text) {
  for (const auto& logical : logical_lines(text.text)) GH_DO(check_directive(text, logical));
  return {};
}

Result<void> validate(const FirewallConfig& config) {
  const auto wrong = [](std::string_view what) { return failure(Fault::invalid, std::string(what)); };
  if (config.rules.empty() || config.rules.size() > 32)
    return wrong("rules: from 1 to 32 entries, for example `rules: [owasp-crs]`");
  for (const auto& rule : config.rules) {
    if (rule == kCoreRuleSet) continue;
    if (!rule.starts_with('/'))
      return wrong(fmt::format("rules: '{}' is neither {} nor a path that begins with '/'", rule, kCoreRuleSet));
    if (fs::path(rule).parent_path().string().contains('*') || std::ranges::count(rule, '*') > 3)
      return wrong(fmt::format("rules: '{}' has '*' elsewhere than in its last segment, or too many", rule));
  }
  const bool core = std::ranges::count(config.rules, kCoreRuleSet) == 1;
  if (std::ranges::count(config.rules, kCoreRuleSet) > 1) return wrong("rules: owasp-crs stands there twice");
  if (!core && (config.paranoia || config.threshold))
    return wrong("rules: paranoia and anomaly_threshold mean nothing without owasp-crs");
  if (!config.crs.starts_with('/')) return wrong("crs: is not a path that begins with '/'");
  if (config.exclude.size() > kExclusionsMax || config.exclude_tags.size() > kExclusionsMax)
    return wrong("exclude: at most 1000 entries");
  for (const auto& one : config.exclude) {
    if (!is_exclusion(one))
      return wrong(
          fmt::format("exclude: '{}' is not the number of a rule like 942100, nor a range like 942100-942199", one));
    if (covers_evaluation(one))
      return wrong(fmt::format("exclude: without {} nothing would be blocked; write `mode: detect`", one));
  }
  for (const auto& tag : config.exclude_tags) {
    static const RE2 kTag(R"([A-Za-z0-9_./-]{1,100})");
    if (!RE2::FullMatch(tag, kTag)) return wrong(fmt::format("exclude_tags: '{}' is not a tag like attack-sqli", tag));
    if (std::ranges::find(kTagsOfAll, tag) != std::end(kTagsOfAll))
      return wrong(fmt::format("exclude_tags: all rules have '{}'; leave the firewall out instead", tag));
  }
  return {};
}

Result<std::vector<RuleText>> read_rule_texts(const FirewallConfig& config) {
  GH_DO(validate(config));
  std::vector<RuleText> texts{{preamble(config), "gatehouse"}};
  std::size_t left = kRuleBytesMax;
  for (const auto& rule : config.rules) {
    GH_DO(rule == kCoreRuleSet ? add_core_rules(config, texts, left) : add_files(rule, texts, left));
    if (texts.size() > kRuleFilesMax)
      return failure(Fault::invalid, fmt::format("rules: more than {} files", kRuleFilesMax));
  }
  std::string exclusions;
  for (const auto& one : config.exclude) exclusions += fmt::format("SecRuleRemoveById {}\n", one);
  for (const auto& tag : config.exclude_tags) exclusions += fmt::format("SecRuleRemoveByTag \"{}\"\n", tag);
  if (!exclusions.empty()) texts.push_back({std::move(exclusions), "exclude"});
  return texts;
}

}  // namespace gatehouse::gateway
