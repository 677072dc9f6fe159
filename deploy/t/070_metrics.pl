# Both programs count what they did, in a form that promtool finds nothing to
# say about, and show it to this host alone.
#
# Measures no times.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IPC::Run ();
use TallyTest;
use Test::More;

my $tally = TallyTest->new(name => 'metrics');
$tally->start_postgres;
my $p = $tally->create_project('metrics');
$tally->start_write(key_refresh_ms => 200, spool_file_mb => 1,
	spool_reserve_mb => 0);
# Every query is computed, however soon it is asked again.
$tally->start_read(key_refresh_ms => 200, cache_fresh_min_ms => 0,
	cache_fresh_ms => 0, cache_stale_ms => 0, cache_failure_ms => 0);
$tally->start_nginx;

my $events = "/3.0/projects/$p->{project}/events";
my $queries = "/3.0/projects/$p->{project}/queries";
my $version = do {
	open my $fh, '<', "$TallyTest::ROOT/META.json" or die $!;
	local $/;
	(<$fh> =~ /"version": "(.*?)"/)[0];
};

# scrape(which) -- {line without its value => value}; the text as well.
sub scrape
{
	my ($which) = @_;
	my $r = $tally->http('GET', "/metrics/$which");
	die "no metrics: $r->{status} $r->{content}" unless $r->{status} == 200;
	my %value = map { /^(\S+) (\S+)$/ } grep { !/^#/ } split /\n/, $r->{content};
	return wantarray ? (\%value, $r) : \%value;
}

# A request is counted just after its answer was sent: "value" is waited for.
sub counts_to
{
	my ($which, $line, $want, $title) = @_;
	my $got;
	eval {
		$tally->wait_until($title,
			sub { $got = scrape($which)->{$line}; defined $got && $got == $want },
			5);
	};
	is(defined $got ? $got + 0 : undef, $want, $title);
	return;
}

sub total { return qq(tally_requests_total{route="$_[0]",status="$_[1]"}) }

$tally->wait_until('the keys', sub {
	scrape('write')->{tally_keys_age_seconds} ne '+Inf'
		&& scrape('read')->{tally_keys_age_seconds} ne '+Inf' });

#-----------------------------------------------------------------------------
# Before anything happened
#-----------------------------------------------------------------------------

my ($m, $r) = scrape('write');
is($r->{headers}{'content-type'}, 'text/plain; version=0.0.4; charset=utf-8',
	'said to be Prometheus\' text');
is($m->{qq(tally_build_info{program="tally-write",version="$version"})}, 1,
	'tally-write says its version');
is($m->{ total('event', $_) }, 0, "no event yet: $_ is there, as 0")
	for qw(2xx 3xx 4xx 5xx);
is(scrape('read')->{qq(tally_build_info{program="tally-read",version="$version"})},
	1, 'tally-read says its version');

#-----------------------------------------------------------------------------
# Traffic of which every number is known
#-----------------------------------------------------------------------------

# 7 single events and one again, 3 batches of 4 good and 1 bad, 1 beacon
sub post { my ($path, %o) = @_;
	return $tally->http('POST', "$events$path", key => $p->{write_key}, %o)
		->{status} }
my @token = (keen => { uniqueness_token => 'one' });
is(post('/clicks', json => { n => $_ }), 201, "event $_") for 1 .. 6;
is(post('/clicks', json => { n => $_, @token }), 201, 'twice the same event')
	for 1, 2;
is(post('', json => { clicks => [ (map { { n => $_ } } 1 .. 4), { '$x' => 1 } ] }),
	200, "batch $_") for 1 .. 3;
is($tally->http('GET',
		"$events/clicks?api_key=$p->{write_key}&data=eyJuIjoxfQ==")->{status},
	200, 'an event in a URL');
# what says who sent it, and what says something else
is(post('/clicks', json => { n => 7 }, headers => { 'Keen-Sdk' => 'ruby-1.1.1' }),
	201, 'an event of a library') for 1, 2;
is(post('', json => { clicks => [ { n => 8 } ] },
		headers => { 'keen-sdk' => "clicks$p->{project}" }),
	200, 'a batch of one that is not known');
# what is refused: 2 events that are none, 1 body that is none, 3 keys, 1 path
is(post('/clicks', json => [ 1 ]), 400, 'not an object') for 1, 2;
is(post('', body => '{'), 400, 'not JSON');
is(post('/clicks', key => 'nonsense', json => {}), 401, 'a wrong key') for 1 .. 3;
is(post('/a/b', json => {}), 404, 'no such path');
$tally->wait_for_events(23);

my %want = (
	total('event', '2xx') => 10,
	total('event', '4xx') => 5,
	total('event', '5xx') => 0,
	total('events', '2xx') => 4,
	total('events', '4xx') => 1,
	total('beacon', '2xx') => 1,
	total('none', '4xx') => 1,
	'tally_request_duration_seconds_count{route="event"}' => 15,
	'tally_request_duration_seconds_bucket{route="event",le="+Inf"}' => 15,
	'tally_queue_wait_seconds_count' => 15,
	# also those that were refused for what they are; not those without a key
	'tally_client_batches_total{library="keen-ruby"}' => 2,
	'tally_client_batches_total{library="keen-javascript"}' => 0,
	'tally_client_batches_total{library="other"}' => 16,
	'tally_client_batches_total{library="none"}' => 0,
	'tally_ingest_events_total{result="accepted"}' => 24,
	'tally_ingest_events_total{result="rejected"}' => 5,
	'tally_drain_events_total{result="stored"}' => 23,
	'tally_drain_events_total{result="duplicate"}' => 1,
	'tally_drain_events_total{result="dead_letter"}' => 0,
	tally_spool_records_total => 15,
	tally_spool_oldest_seconds => 0,
	tally_spool_takes_events => 1,
	tally_spool_fsync_errors_total => 0,
	tally_database_away => 0,
	'tally_breaker_open{pool="drain"}' => 0,
	'tally_pg_connections{pool="drain",state="idle"}' => 1,
);
counts_to('write', $_, $want{$_}, "tally-write: $_") for sort keys %want;

# 5 queries by POST, 4 by GET, 1 of links; refused: 3 wrong ones, 2 without key
my %count = (key => $p->{read_key});
is($tally->http('POST', "$queries/count", %count,
		json => { event_collection => 'clicks', timeframe => 'today' })
		->{status}, 200, "query $_") for 1 .. 5;
is($tally->http('GET',
		"$queries/count?event_collection=clicks&timeframe=today", %count)
		->{status}, 200, "query $_ by GET") for 1 .. 4;
is($tally->http('GET', $queries, %count)->{status}, 200, 'links');
is($tally->http('GET', "$queries/count?timeframe=never", %count)->{status}, 400,
	'a wrong query') for 1 .. 3;
is($tally->http('GET', "$queries/count")->{status}, 401, 'no key') for 1, 2;

%want = (
	total('query', '2xx') => 9,
	total('query', '4xx') => 5,
	total('query', '5xx') => 0,
	total('links', '2xx') => 1,
	'tally_request_duration_seconds_count{route="query"}' => 14,
	'tally_queue_wait_seconds_count' => 12,
	'tally_cache_requests_total{result="miss"}' => 12,
	'tally_cache_requests_total{result="hit"}' => 0,
	tally_singleflight_shared_total => 0,
	tally_quarantine_queries => 0,
	tally_data_behind_seconds => 0,
	tally_waiting_requests => 0,
	'tally_shed_total{reason="slots"}' => 0,
	'tally_shed_total{reason="database"}' => 0,
	'tally_pg_connections{pool="query",state="used"}' => 0,
	'tally_breaker_open{pool="query"}' => 0,
	tally_database_away => 0,
);
counts_to('read', $_, $want{$_}, "tally-read: $_") for sort keys %want;

for my $which (qw(write read))
{
	my ($v, $answer) = scrape($which);
	my ($text, $said) = ($answer->{content}, '');
	ok(eval { IPC::Run::run([ qw(promtool check metrics) ], '<', \$text,
				'>&', \$said) }, "promtool takes those of tally-$which");
	is($said, '', '... and has nothing to say');

	cmp_ok($v->{tally_uptime_seconds}, '>', 0.1, "tally-$which: uptime");
	cmp_ok($v->{tally_uptime_seconds}, '<', 300, '... in seconds');
	cmp_ok($v->{tally_resident_memory_bytes}, '>', 1e6, '... memory');
	cmp_ok($v->{tally_resident_memory_bytes}, '<', 256e6, '... in bytes');
	cmp_ok($v->{tally_keys_age_seconds}, '<', 5, '... the keys are young');
	unlike($text, qr/$p->{project}|clicks|$p->{read_key}|$p->{write_key}/,
		'... nothing of a customer in it');
}

#-----------------------------------------------------------------------------
# Nobody speaks of metrics that are not there
#-----------------------------------------------------------------------------

sub text_of
{
	my ($path) = @_;
	open my $fh, '<', "$TallyTest::ROOT/$path" or die "$path: $!";
	local $/;
	return scalar <$fh>;
}

my %named;    # by what a metric is called; of a histogram, each of its lines
my %family;
for my $which (qw(write read))
{
	my ($v, $answer) = scrape($which);
	$named{ s/\{.*//r } = 1 for keys %$v;
	$family{$_} = 1 for $answer->{content} =~ /^# TYPE (\w+)/mg;
}
# those of nginx, which 072_nginx_counts.pl asks for
for my $name (text_of('deploy/nginx/count/server.conf') =~ /# TYPE (\w+)/g)
{
	$named{$name} = $family{$name} = 1;
}
# those of the probe: 074_probe.pl
for my $name (text_of('deploy/prometheus/probe.sh') =~ /^  metric (\w+)/mg)
{
	$named{"tally_probe_$name"} = $family{"tally_probe_$name"} = 1;
}
# that of the status page: 076_status.pl
for my $name (text_of('deploy/www/status.pl') =~ /^# TYPE (\w+)/mg)
{
	$named{$name} = $family{$name} = 1;
}
my $alerts = join('', map { text_of("deploy/prometheus/$_.yml") }
	qw(alerts alerts_probe alerts_status)) =~ s/^\s*#.*//mgr;
my %used = map { $_ => 1 } $alerts =~ /\b(tally_\w+)/g;
cmp_ok(scalar(keys %used), '>', 8, 'metrics in the alerts');
ok($named{$_}, "$_, which an alert needs, is there") for sort keys %used;
my %listed = map { $_ => 1 }
	text_of('deploy/prometheus/README.md') =~ /^\| (`tally_.*?) \|/mg;
my %explained = map { $_ => 1 } map { /`(tally_\w+)/g } keys %listed;
is(join(' ', sort keys %explained), join(' ', sort keys %family),
	'the list of metrics leaves nothing out');

my $lines = scalar keys %{ scrape('write') };
$tally->http('GET', "/3.0/projects/$p->{project}/events/x$_?y=$_") for 1 .. 20;
is(scalar(keys %{ scrape('write') }), $lines,
	'whatever clients ask, there are as many lines');

#-----------------------------------------------------------------------------
# The database goes
#-----------------------------------------------------------------------------

$tally->stop_postgres;
is(post('/clicks', json => { late => 1 }), 201, 'an event is still taken');
is($tally->http('POST', "$queries/count", %count,
		json => { event_collection => 'clicks', timeframe => 'today' })
		->{status}, 503, 'a query is not');
counts_to('read', 'tally_shed_total{reason="database"}', 1, 'which is counted');
counts_to('read', total('query', '5xx'), 1, '... as an error, too');
counts_to('read', 'tally_database_away', 1, 'tally-read says it is away');
counts_to('write', 'tally_database_away', 1, 'tally-write says it is away');
counts_to('write', 'tally_ingest_events_total{result="accepted"}', 25,
	'the event is on disk');
cmp_ok(scrape('write')->{tally_spool_oldest_seconds}, '>', 0,
	'and waits: it is the oldest');

#-----------------------------------------------------------------------------
# Who may see it
#-----------------------------------------------------------------------------

$tally->stop_nginx;
$tally->start_nginx(edit => sub { s/allow 127\.0\.0\.1;/allow 192.0.2.1;/g });
for my $which (qw(write read))
{
	$r = $tally->http('GET', "/metrics/$which");
	is($r->{status}, 404, "from another address there is no /metrics/$which");
	is($r->{json}{error_code}, 'ResourceNotFoundError', '... said in JSON');
}
is($tally->http('GET', '/metrics')->{status}, 404, 'nor a /metrics');

ok($tally->stop, 'all stops');
done_testing;
