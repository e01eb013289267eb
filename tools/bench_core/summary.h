/// The numbers that were asked for, beside what they are held against.
#pragma once

#include "tools/bench_core/samples.h"

namespace starling::bench {

/// `report` has "rounds" [{"floor", "starling", "etcd"?}], and perhaps "failover" {"starling",
/// "etcd"} and "memory". Of several rounds the median counts; ratios are taken within a round, so
/// that a neighbour's noise meets both sides.
Json summary_of(const Json& report);

}  // namespace starling::bench
