// A bound on the regular expressions of one inspection. Rules backtrack: 5 KB of '<' keep rule 941160 of the Core Rule Set 3.3.4
// busy for half a minute, PCRE2's own limits count steps of any length, and libmodsecurity 3.0.9 would take a match that was
// given up for none. So the calls that it makes into PCRE2 are answered here (an executable's symbols come before those of a
// shared library): patterns are compiled with callouts, and these look at the time. For everybody else nothing changes.
#pragma once

namespace gatehouse::gateway {

// Patterns that this thread compiles while it lives can be bounded.
class BoundedPatterns {
 public:
  BoundedPatterns();
  ~BoundedPatterns();
  BoundedPatterns(const BoundedPatterns&) = delete;
  BoundedPatterns& operator=(const BoundedPatterns&) = delete;
};

// Of the matches of this thread, while it lives: a second of processor time. Not nested.
class RegexBudget {
 public:
  RegexBudget();
  ~RegexBudget();
  RegexBudget(const RegexBudget&) = delete;
  RegexBudget& operator=(const RegexBudget&) = delete;
  // Was a match given up? Then nobody knows whether the message is clean.
  bool exceeded() const;
};

}  // namespace gatehouse::gateway
