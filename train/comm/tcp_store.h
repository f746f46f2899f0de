#pragma once

#include <memory>
#include <string>

#include "train/comm/rendezvous.h"
#include "train/comm/socket.h"
#include "train/comm/store.h"

namespace orchid::train {

/// Serves a store over TCP, IPv4 and IPv6, from a thread of its own until it goes. Made for a few
/// small texts: keys up to 256 bytes, values up to 64 KiB. A peer that does not name the job, or
/// sends what is no request, is cut off, and nothing else happens. Peers that say nothing go after
/// a while, and before it when there are many.
class StoreServer {
 public:
  /// port 0: any that is free.
  StoreServer(int port, const std::string& job, Reach = Reach::everywhere);
  ~StoreServer();
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;
  int port() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

/// The store that `host` serves at `port`. Tries to reach it until the deadline; later calls take
/// at most that long too.
std::unique_ptr<Store> connect_store(const std::string& host, int port, const std::string& job,
                                     double deadline_s);

/// The store of a job of many ranks: rank 0 serves, all connect. Returns when all have checked in;
/// at the deadline an Error names the ranks that did not.
std::shared_ptr<Store> open_store(const Rendezvous&, double deadline_s);

}  // namespace orchid::train
