# Influx.pm
#     InfluxDB (Debian's package) beside us: the same events as its points.
#
#     my $influx = Influx->start($bench) or ...;    # it is not installed
#     my $r = $influx->write($bench, connections => 8, seconds => 5);
#
# As it is by default: a write is answered when it is in its log and that is
# synced.  What one would count or filter by is a tag, the rest are fields.
# While others are measured it is held (SIGSTOP): it would go on compacting.
package Influx;

use strict;
use warnings;

use TallyTest;

sub start
{
	my ($class, $bench) = @_;
	my $tally = $bench->{tally};
	my ($influxd) = grep { -x } map { "$_/influxd" } split /:/, $ENV{PATH};
	return unless $influxd;
	my $dir = $tally->dir . '/influx';
	my ($port, $rpc) = map { TallyTest::free_port() } 1, 2;
	my $self = bless { url => "http://127.0.0.1:$port", tally => $tally },
		$class;

	mkdir $dir or die "$dir: $!\n";
	chown $tally->{uid}, $tally->{gid}, $dir if defined $tally->{uid};
	open my $conf, '>', "$dir/influxdb.conf" or die "$dir: $!\n";
	print $conf <<"CONF";
reporting-disabled = true
bind-address = "127.0.0.1:$rpc"
[meta]
  dir = "$dir/meta"
[data]
  dir = "$dir/data"
  wal-dir = "$dir/wal"
  query-log-enabled = false
  cache-max-memory-size = 0
[http]
  bind-address = "127.0.0.1:$port"
  log-enabled = false
  max-body-size = 0
[monitor]
  store-enabled = false
CONF
	close $conf;
	$tally->spawn('influx', $influxd, '-config', "$dir/influxdb.conf");
	my $http = HTTP::Tiny->new;
	$tally->wait_until_up('influx',
		sub { $http->get("$self->{url}/ping")->{success} });
	my $made = $http->post_form("$self->{url}/query",
		{ q => 'CREATE DATABASE bench' });
	die "InfluxDB: $made->{content}\n" unless $made->{success};
	$self->write_lua("$dir/points.lua");
	$tally->signal('influx', 'STOP');
	return $self;
}

# write_lua -- the points that wrk posts: no two have the same time, so none
# replaces another.
sub write_lua
{
	my ($self, $file) = @_;
	$self->{lua} = $file;
	open my $fh, '>', $file or die "$file: $!\n";
	print $fh <<'LUA';
wrk.method = "POST"
local lines = {}
for i = 1, tonumber(os.getenv("BULK")) do
  lines[i] = 'tea,page=/products/tea/earl-grey,browser=Firefox,country=CZ ' ..
    't=@i,n=' .. i .. 'i,load_ms=183i,new=true,user="u-4711",note="' ..
    string.rep("x", 25) .. '" @' .. string.format("%04d", i)
end
local template = table.concat(lines, "\n")
local threads = 0
function setup(thread)
  thread:set("id", threads)
  threads = threads + 1
end
-- Microseconds: a request has ten thousand of them, a thread its own.
local n = os.time() * 100
local function body()
  n = n + 1
  return (template:gsub("@", string.format("%d", 2 * n + id)))
end
-- One head for all, as in Bench.pm.
local head
function init(args)
  local first = body()
  head = wrk.format(nil, nil, nil, first):sub(1, -#first - 1)
end
function request()
  return head .. body()
end
LUA
	close $fh;
}

# write(bench, %opt) -- as Bench's wrk(), with BULK points a request.
sub write
{
	my ($self, $bench, %opt) = @_;
	$self->{tally}->signal('influx', 'CONT');
	my $r = $bench->wrk('/write?db=bench&precision=u', %opt,
		url => $self->{url}, script => $self->{lua});
	$self->{tally}->signal('influx', 'STOP');
	return $r;
}

# count -- the points that it has.
sub count
{
	my ($self) = @_;
	$self->{tally}->signal('influx', 'CONT');
	my $answer = HTTP::Tiny->new(timeout => 120)->post_form(
		"$self->{url}/query",
		{ db => 'bench', q => 'SELECT count(n) FROM tea' })->{content};
	my ($n) = $answer =~ /,(\d+)\]\]/;
	return $n // 0;
}

1;
