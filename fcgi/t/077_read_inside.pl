# Faults inside of tally-read (lib/faults.c): memory runs out at the n-th
# allocation of our own (075_faults_inside.pl is about those of libfcgi), the clock
# on the wall jumps, while it runs and between two runs.
# An answer is right or an error; it never crashes, and nothing expires, hangs
# or is served for ever because somebody set the time.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Faults;
use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $tally = TallyTest->new(name => 'read-inside');
my $p = Standin::start($tally);
my $faults = Faults->new($tally, 'read');
# Answers live for a minute, failures not at all; keys are loaded all the time.
my %settings = (key_refresh_ms => 300, key_file => $tally->dir . '/run/keys',
	cache_fresh_min_ms => 60_000, cache_fresh_ms => 60_000,
	cache_failure_ms => 0, statement_timeout_ms => 1000,
	query_deadline_ms => 4000, quarantine_ms => 1500);

sub start { $faults->around(sub { $tally->start_read(%settings) }) }
start();
$tally->start_nginx(edit => sub {
	s/^\s*limit_(conn|req) .*\n| max_conns=\d+//mg;
	s/(fastcgi_read_timeout) 15s/$1 60s/;
});

my $queries = "/3.0/projects/$p->{project}/queries";
my $n = 0;
sub ask
{
	my ($what) = @_;
	return $tally->http('GET', "$queries/$what", key => $p->{read_key});
}

# new_one -- a query that was never asked: its status, or "wrong".
sub new_one
{
	my $q = 'q' . ++$n;
	my $r = ask("echo?n=$q");
	return $r->{status} != 200
		|| ($r->{json}{request}{n} // '') eq $q ? $r->{status} : 'wrong';
}

# of 300 kB: it is passed on as it is made
sub large_one
{
	my $r = ask('big?pieces=300&n=' . ++$n);
	return $r->{status} != 200 || length $r->{content} == 300_000
		? $r->{status} : 'wrong';
}
sub works { return new_one() eq '200' }
$tally->wait_until('an answer', \&works);

# alive -- or why not, and started again.
sub alive
{
	return 1 if $tally->is_running('read');
	my $status = $tally->exit_status('read');
	diag sprintf 'it ended: status %d, signal %d', $status >> 8,
		$status & 127;
	start();
	return 0;
}

#-----------------------------------------------------------------------------
# Memory
#-----------------------------------------------------------------------------

{
	my ($crashed, $at, %seen) = (0, 0);
	for ($at = 1; $at < 600; $at = int($at * 1.05) + 1)
	{
		$faults->set(malloc_in => $at, malloc_of => 1);
		# one new, one known, one large, one refused, one bad
		$seen{$_}++ for new_one(), ask('echo?n=q1')->{status}, large_one(),
			$tally->http('GET', "$queries/echo?n=1", key => 'F' x 64)->{status},
			$tally->query($p, 'echo', { n => ++$n },
				body => '{"n":')->{status},
			$tally->http('GET', '/metrics/read')->{status},
			$tally->http('GET', '/health/query/ready')->{status};
		$crashed++ unless alive();
		last unless $faults->happened;
	}
	$faults->set;
	# 599: an answer that had begun is cut off, and can be told from a whole one
	is(join(' ', grep { !/^(?:200|400|401|500|502|503|599)$/ } sort keys %seen),
		'', 'no memory at the n-th allocation, up to ' . $at
			. ': right, or an error');
	note(join ', ', map { "$_ x $seen{$_}" } sort keys %seen);
	is($crashed, 0, 'and it lives');
	ok(eval { $tally->wait_until('an answer', \&works) }, 'and answers again');
}

# At the start: it runs, or it says that it does not.
{
	my ($crashed, $ran) = (0, 0);
	$tally->stop_read;
	for (my $at = 1; $at < 20_000; $at = int($at * 1.3) + 1)
	{
		$faults->set(malloc_in => $at, malloc_of => 1);
		eval { start(); $ran++ };
		if ($tally->is_running('read'))
		{
			$faults->set;
			$tally->stop_read;
		}
		my $status = $tally->exit_status('read') // 0;
		next unless $status & 127;
		$crashed++;
		diag sprintf 'allocation %d: signal %d', $at, $status & 127;
	}
	is($crashed, 0, 'no memory at the n-th allocation of the start');
	cmp_ok($ran, '>', 3, "$ran times it ran all the same");
	$faults->set;
	start();
	ok(eval { $tally->wait_until('an answer', \&works) }, 'and well at last');
}

#-----------------------------------------------------------------------------
# Time
#-----------------------------------------------------------------------------

sub begun { return Standin::queries_begun($tally) }
sub metric
{
	my ($name) = @_;
	my ($value) = $tally->http('GET', '/metrics/read')->{content}
		=~ /^\Q$name\E (\S+)$/m;
	return $value;
}

my $day = 86_400;
for my $jump (3600, -3600, 400 * $day, -400 * $day)
{
	my $title = "the wall clock $jump s off";

	# known before, and kept for a minute
	my $known = 'echo?n=known' . ++$n;
	is(ask($known)->{status}, 200, "$title: a query before it");
	my $before = begun();
	my $loaded = metric('tally_database_stalls_total');
	$faults->set(clock_s => $jump);
	is(ask($known)->{status}, 200, '... has its answer');
	is(begun(), $before, '... from the cache: nothing has expired');
	is(new_one(), '200', '... a new one is answered');
	is(ask('sleep?seconds=20&n=' . ++$n)->{status}, 504,
		'... a slow one ends at its timeout');

	# and is refused for its quarantine of 1.5 s, neither more nor less
	my $slow = "sleep?seconds=20&n=$n";
	is(ask($slow)->{status}, 429, '... which is remembered');
	ok(eval { $tally->wait_until('the end of it',
		sub { metric('tally_quarantine_queries') == 0 }) },
		'... and forgotten');

	# keys are loaded at their time; a new one is known soon
	my $key = Standin::add_key($tally, $p->{project}, 'read');
	ok(eval { $tally->wait_until('a new key', sub {
		$tally->http('GET', "$queries/echo?n=q1", key => $key)->{status}
			== 200 }) }, '... keys are loaded');
	cmp_ok(metric('tally_keys_age_seconds'), '<', 30, '... and are new');
	is($tally->http('GET', '/health/query/ready')->{status}, 200,
		'... it is ready');
	is(metric('tally_database_away'), 0, '... the database is not taken for away');

	# A start at that time, with what an earlier one wrote down at another:
	# also while the database is away the keys are good.
	$tally->stop_read;
	start();
	ok(eval { $tally->wait_until('an answer', \&works) },
		'... started then, it works');
	$faults->set;
	is(new_one(), '200', '... also when the clock is right again');
}

# Keys that were written down "in the future", or long ago, by a clock that was
# wrong: without a database they are all there is.
for my $jump (400 * $day, -3600)
{
	$faults->set(clock_s => $jump);
	$tally->wait_until('the keys to be written', sub {
		new_one() eq '200' && -e "$settings{key_file}" });
	my $written = -M $settings{key_file};
	my $key = Standin::add_key($tally, $p->{project}, 'read');
	$tally->wait_until('a new key', sub {
		$tally->http('GET', "$queries/echo?n=q1", key => $key)->{status}
			== 200 });
	$tally->stop_read;
	$tally->stop_postgres;
	$faults->set;
	start();
	is($tally->http('GET', $queries, key => $key)->{status}, 200,
		"keys written with the clock $jump s off are known afterwards");
	$tally->start_postgres;
	ok(eval { $tally->wait_until('an answer', \&works) }, '... and all is well');
}

done_testing();
