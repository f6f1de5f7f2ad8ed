// The Lua scripts of RedisStore. Internal.
//
// KEYS: 1 meta, 2 lease of the group, 3 what else the script uses. Writes begin with kGuard: ARGV 1
// owner, 2 epoch, 3 session; they return {"fenced", owner, epoch} or {"joined over"} (another
// connection of the same lease has joined since) without having changed anything, else
// {"ok", ...}. Epochs, sessions and times stay decimal text: Lua's numbers are doubles, exact up to
// 2^53, and only ever counted up by one.
//
// In the hash of contexts, the field "c" .. tuple is the current row, "p" .. tuple the previous
// one.
#pragma once

namespace sdg::restart::script {

#define SDG_RESTART_GUARD                                                  \
    "local l = redis.call('HMGET', KEYS[2], 'owner', 'epoch', 'session') " \
    "if l[1] ~= ARGV[1] or l[2] ~= ARGV[2] then "                          \
    "  return {'fenced', l[1] or '', l[2] or '0'} end "                    \
    "if l[3] ~= ARGV[3] then return {'joined over'} end "

// ARGV: version. Claims an unused prefix.
inline constexpr const char* kOpen =
    "local m = redis.call('GET', KEYS[1]) "
    "if not m then redis.call('SET', KEYS[1], ARGV[1]) m = ARGV[1] end "
    "return m";

// KEYS 3: set of groups. ARGV: owner, now, expires, "1" to force, group. {"held", owner, expires}
// or {"ok", epoch, session}.
inline constexpr const char* kAcquire =
    "local l = redis.call('HMGET', KEYS[2], 'owner', 'expires') "
    "if l[1] and ARGV[4] ~= '1' and l[1] ~= ARGV[1] and tonumber(l[2]) > tonumber(ARGV[2]) then "
    "  return {'held', l[1], l[2]} end "
    "local epoch = redis.call('HINCRBY', KEYS[2], 'epoch', 1) "
    "local session = redis.call('HINCRBY', KEYS[2], 'session', 1) "
    "redis.call('HSET', KEYS[2], 'owner', ARGV[1], 'expires', ARGV[3]) "
    "redis.call('SADD', KEYS[3], ARGV[5]) "
    "return {'ok', tostring(epoch), tostring(session)}";

// ARGV: owner, epoch. {"ok", session}.
inline constexpr const char* kJoin =
    "local l = redis.call('HMGET', KEYS[2], 'owner', 'epoch') "
    "if l[1] ~= ARGV[1] or l[2] ~= ARGV[2] then "
    "  return {'fenced', l[1] or '', l[2] or '0'} end "
    "return {'ok', tostring(redis.call('HINCRBY', KEYS[2], 'session', 1))}";

// ARGV 4: expires, "0" releases.
inline constexpr const char* kRenew = SDG_RESTART_GUARD
    "redis.call('HSET', KEYS[2], 'expires', ARGV[4]) "
    "if ARGV[4] == '0' then redis.call('HSET', KEYS[2], 'owner', '') end "
    "return {'ok'}";

// KEYS 3: generation. ARGV 4: count. {"ok", last generation}.
inline constexpr const char* kReserve =
    SDG_RESTART_GUARD "return {'ok', tostring(redis.call('INCRBY', KEYS[3], ARGV[4]))}";

// KEYS 3: contexts. ARGV 4: where in a row key id and mark are, from 1; ARGV 5...: tuple, row.
inline constexpr const char* kPut = SDG_RESTART_GUARD
    "local at = tonumber(ARGV[4]) "
    "for i = 5, #ARGV, 2 do "
    "  local c, p, row = 'c' .. ARGV[i], 'p' .. ARGV[i], ARGV[i + 1] "
    "  local mark = string.sub(row, at, at + 23) "
    "  local old = redis.call('HGET', KEYS[3], c) "
    "  if old and string.sub(old, at, at + 23) ~= mark then "
    "    redis.call('HSET', KEYS[3], p, old) end "
    "  redis.call('HSET', KEYS[3], c, row) "
    "end "
    "return {'ok'}";

// KEYS 3: contexts. ARGV 4...: fields.
inline constexpr const char* kDelete = SDG_RESTART_GUARD
    "for i = 4, #ARGV do redis.call('HDEL', KEYS[3], ARGV[i]) end "
    "return {'ok'}";

// KEYS 3: contexts. ARGV 4...: tuple, current row, previous row ("" for none), as read. Deletes an
// association when it is still as read. {"ok", "1" or "0" per association}.
inline constexpr const char* kTake = SDG_RESTART_GUARD
    "local out = {'ok'} "
    "for i = 4, #ARGV, 3 do "
    "  local c, p = 'c' .. ARGV[i], 'p' .. ARGV[i] "
    "  local rows = redis.call('HMGET', KEYS[3], c, p) "
    "  if (rows[1] or '') == ARGV[i + 1] and (rows[2] or '') == ARGV[i + 2] then "
    "    redis.call('HDEL', KEYS[3], c, p) "
    "    out[#out + 1] = '1' "
    "  else out[#out + 1] = '0' end "
    "end "
    "return out";

// KEYS: meta, then hashes; ARGV: per row the index of its hash in KEYS, field, row as read, row
// anew. All or nothing: {"ok"} or {"changed"}.
inline constexpr const char* kRotate =
    "for i = 1, #ARGV, 4 do "
    "  if redis.call('HGET', KEYS[tonumber(ARGV[i])], ARGV[i + 1]) ~= ARGV[i + 2] then "
    "    return {'changed'} end "
    "end "
    "for i = 1, #ARGV, 4 do "
    "  redis.call('HSET', KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 3]) "
    "end "
    "return {'ok'}";

#undef SDG_RESTART_GUARD

}  // namespace sdg::restart::script
