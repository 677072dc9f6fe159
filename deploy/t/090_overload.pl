# Twice as many queries as can be answered: nearly as many are answered as at
# the best, the others are refused at once, events are taken all the time, and
# when it is over everything is as before.
#
# What can be answered is set, not found: each query of the stand-in database
# takes 50 ms of no processor, in four slots, so 80 a second.  A noisy machine
# changes that little.  TALLY_LONG_FAULTS: for 30 s.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../fcgi/t/lib";

use Crowd;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{TALLY_LONG_FAULTS} ? 30 : 5;
my $PAUSE = 1;    # s, of a client between two questions
my $tally = TallyTest->new(name => 'overload');
my $p = Standin::start($tally);
$tally->start_read(connections => 4, key_slots => 8, slot_wait_ms => 100,
	threads => 4, max_waiting => 400, key_refresh_ms => 200,
	cache_failure_ms => 0, log_requests => 'true');
$tally->start_write(key_refresh_ms => 200, spool_reserve_mb => 0);
# the limits of nginx are not what is tested here
$tally->start_nginx(edit => sub { s/^\s*limit_(conn|req) .*\n//mg });
my $queries = "/3.0/projects/$p->{project}/queries/sleep";
my $events = "/3.0/projects/$p->{project}/events/load";
my $key = Standin::add_key($tally, $p->{project}, 'write');

my $n = 0;
sub query
{
	return ('query', Crowd::request('POST', $queries, $p->{read_key},
			'{"seconds": 0.05, "n": ' . ++$n . '}'));
}
sub event { return ('event', Crowd::request('POST', $events, $key, '{"a": 1}')) }

sub status
{
	my ($kind, $status, @answers) = @_;
	return grep { $_->{kind} eq $kind && $_->{status} == $status } @answers;
}

$tally->wait_until('the keys', sub {
	$tally->http('POST', $events, key => $key, json => {})->{status} == 201
		&& $tally->http('POST', $queries, key => $p->{read_key},
		json => { seconds => 0 })->{status} == 200 });

# shed() -- how long refusals took by the reader's clock, in ms: those that are
# logged, some a second.  The client's clock also counts how busy this machine is.
my $seen = 0;
sub shed
{
	my $text = substr $tally->log_text('read'), $seen;
	$seen += length $text;
	return map { $_ / 1000 } $text =~ /status=(?:429|503).* us=(\d+)/g;
}

#-----------------------------------------------------------------------------
# The best: as many ask as there are slots and places in the queue
#-----------------------------------------------------------------------------

my @answers = Crowd::run($tally, seconds => 4, clients => 6, pause => 0,
	ask => \&query);
my $best = status('query', 200, @answers) / 4;
note(sprintf 'at the best %.1f queries/s of 80', $best);
cmp_ok($best, '>', 20, 'the slots are used');
shed();

#-----------------------------------------------------------------------------
# Twice as many
#-----------------------------------------------------------------------------

# Who asks, waits and pauses asks less often when it waits: hence 2.2.
my $asking = int(2.2 * $best * $PAUSE);
my $ramp = 1;
@answers = Crowd::run($tally, seconds => $seconds + $ramp,
	clients => $asking + 10, pause => $PAUSE,
	ask => sub { $_[0] <= 10 ? event() : query() });
my $ended = time;
my @steady = grep { $_->{begin} >= $ramp } @answers;
my $offered = grep { $_->{kind} eq 'query' } @steady;
my $good = status('query', 200, @steady);
my @shed = shed();
my @refused = status('query', 503, @answers);
note(sprintf 'offered %.1f/s = %.2f x, answered %.1f/s = %.0f %% of the best,'
		. ' %d refused',
	$offered / $seconds, $offered / $seconds / $best, $good / $seconds,
	100 * $good / $seconds / $best, scalar @refused);
note(sprintf 'refused in p50 %.1f ms, p99 %.1f ms, at most %.1f ms (%d of them);'
		. ' at the client p50 %.1f ms, p99 %.1f ms',
	map({ my $part = $_; Crowd::percentile($part, map { $_ / 1000 } @shed) }
		50, 99, 100), scalar @shed,
	map { my $part = $_; Crowd::percentile($part, map { $_->{took} } @refused) }
		50, 99);
cmp_ok($offered / $seconds, '>', 1.6 * $best, 'nearly twice as many ask');
cmp_ok($good / $seconds, '>=', 0.8 * $best,
	'80 % of the best and more are answered');
cmp_ok(scalar @refused, '>', 0.5 * $seconds * $best, 'the others are refused');
cmp_ok(scalar @shed, '>=', 10, '... of which enough are logged to tell how soon');
cmp_ok(Crowd::percentile(99, map { $_ / 1000 } @shed), '<', 10, 'at once');
is(scalar(grep { $_->{kind} eq 'query' && $_->{status} !~ /^(?:200|429|503)$/ }
		@answers), 0, 'nobody gets anything else');
my @events = grep { $_->{kind} eq 'event' } @answers;
is(scalar(status('event', 201, @events)), scalar @events,
	'all ' . @events . ' events are taken meanwhile');
note(sprintf 'events at the client: p50 %.1f ms, p99 %.1f ms',
	map { my $part = $_; Crowd::percentile($part, map { $_->{took} } @events) }
		50, 99);

#-----------------------------------------------------------------------------
# After it
#-----------------------------------------------------------------------------

my ($in_a_row, $tries, $recovered) = (0, 0);
while ($in_a_row < 10 && time - $ended < 30)
{
	my $r = $tally->http('POST', $queries, key => $p->{read_key},
		json => { seconds => 0.05, n => ++$n });
	$tries++;
	$in_a_row = $r->{status} == 200 ? $in_a_row + 1 : 0;
	$recovered = time if $in_a_row == 1;
}
is($in_a_row, 10, 'afterwards each is answered');
cmp_ok($recovered - $ended, '<', 5, 'within 5 s');
note(sprintf 'the first of ten in a row came %.2f s after the end, %d tries',
	$recovered - $ended, $tries);
my ($again) = map { status('query', 200, @$_) / 4 } [ Crowd::run($tally,
		seconds => 4, clients => 6, pause => 0, ask => \&query) ];
note(sprintf 'then %.1f queries/s', $again);
cmp_ok($again, '>=', 0.8 * $best, 'and as fast as before');

done_testing();
