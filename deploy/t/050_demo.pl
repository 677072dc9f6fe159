# demo.sh does what its --help says: up from nothing with events and a chart,
# up again in seconds with all of them, nothing left running after --stop, and
# a clear word when it cannot.
#
# Measures no times.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use File::Temp qw(tempdir);
use IPC::Run ();
use JSON::PP qw(decode_json);
use TallyTest;
use Test::More;
use Time::HiRes qw(time sleep);

my $script = "$TallyTest::ROOT/deploy/demo.sh";
my $top = tempdir('tally-demo-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $top;
my $dir = "$top/demo";
my $port = TallyTest::free_port();
$ENV{TALLY_DEMO_DIR} = $dir;
$ENV{TALLY_DEMO_PORT} = $port;
$ENV{TERM} = 'dumb';

# demo(options) -- (exit status, what it said, seconds)
sub demo
{
	my $out = '';
	my $began = time;
	IPC::Run::run([ $script, @_ ], '<', \undef, '>&', \$out,
		IPC::Run::timeout(300));
	return ($? >> 8, $out, time - $began);
}

# started() -- the processes that the folder's pid files name, alive or not
sub started
{
	return map {
		open my $fh, '<', $_ or die $!;
		(split ' ', scalar <$fh>)[0];
	} glob "$dir/run/*.pid";
}

# alive(pids) -- those that are, zombies of a careless init left aside
sub alive
{
	return grep {
		my $stat = '';
		if (open my $fh, '<', "/proc/$_/stat") { $stat = <$fh> // '' }
		$stat =~ /\) [^Z]/;
	} @_;
}

sub env
{
	open my $fh, '<', "$dir/env" or return {};
	return { map { /^(\w+)='(.*)'$/ ? ($1, $2) : () } <$fh> };
}

# psql(sql) -- by the line that the demo prints
sub psql
{
	my ($sql) = @_;
	my $out = '';
	IPC::Run::run([ split(/ /, env()->{TALLY_PSQL}), '-XAtqc', $sql ],
		'>&', \$out);
	chomp $out;
	return $out;
}

sub events { return psql('SELECT count(*) FROM tally_store.event') }

sub query
{
	my $env = env();
	my $r = HTTP::Tiny->new->post(
		"$env->{TALLY_URL}/3.0/projects/$env->{TALLY_PROJECT}/queries/count",
		{
			headers => { Authorization => $env->{TALLY_READ_KEY} },
			content => '{"event_collection": "page_views",'
				. ' "timeframe": "previous_31_days"}',
		});
	return eval { decode_json($r->{content})->{result} };
}

END { my $status = $?; demo('--stop') if $dir && -e $dir; $? = $status }

#-----------------------------------------------------------------------------

my ($status, $out, $seconds) = demo('--help');
is($status, 0, '--help');
like($out, qr/$_/, "--help tells of $_")
	for qw(--detach --stop --reset --no-load TALLY_DEMO_DIR TALLY_DEMO_PORT);
ok(!-e $dir, '--help makes nothing');

($status, $out) = demo('--no-such');
is($status, 1, 'an unknown option is refused');

{
	local $ENV{TALLY_DEMO_PORT} = 123456;
	($status, $out) = demo('--detach');
	is($status, 1, 'a port that is none is refused');
	like($out, qr/TALLY_DEMO_PORT is "123456"/, '... by name');
}

($status, $out) = demo('--stop');
is($status, 0, '--stop without a demo');
like($out, qr/There is no demo/, '... says so');

($status, $out, $seconds) = demo('--detach');
is($status, 0, 'up from nothing') or diag $out;
note sprintf 'from nothing: %.1f s', $seconds;
is(scalar(started()), 5, 'four servers, and the status page');
is(events(), 100_000, 'with 100,000 events');
is(query(), 95_000, '... that a query counts');
like($out, qr/100000 of 100000 events sent/, 'said how far it was');

my ($chart) = $out =~ /(^ +browser.*?)\n\n/ms;
like($chart // '', qr/^ +Chrome +\d\d,\d{3} /m, 'drew a chart');
like($chart // '', qr/^ +Lynx +1 +\S +0 +1$/m,
	'... in which a group seen once has a row');
unlike($chart // '', qr/[^ -~\n]/, '... of plain characters on a dumb terminal');
my %lengths = map { (length, 1) } grep { /\d$/ && !/20\d\d-/ } split /\n/, $chart // '';
is(scalar(keys %lengths), 1, '... aligned');

my $env = env();
like($env->{TALLY_PROJECT}, qr/^[0-9a-f]{24}$/, 'env: the project');
like($env->{$_}, qr/^[0-9A-F]{64}$/, "env: $_")
	for qw(TALLY_WRITE_KEY TALLY_READ_KEY TALLY_MASTER_KEY);
is($env->{TALLY_URL}, "http://127.0.0.1:$port", 'env: the address');
is((stat "$dir/env")[2] & 077, 0, 'env: for its owner alone');

like($out, qr{its status page at http://127\.0\.0\.1:$port/status\.}, 'says where its state is');
my $page = HTTP::Tiny->new->get("$env->{TALLY_URL}/status");
like($page->{content}, qr/<title>Status/, '... there is a page');
my $state = sub { my $r = HTTP::Tiny->new->get("$env->{TALLY_URL}/api/v2/status.json");
	eval { decode_json($r->{content})->{status}{indicator} } // '' };
sleep 0.1 while $state->() ne 'none' && time < $^T + 200;
is($state->(), 'none', '... which says that all is well');

# What is printed can be pasted.
my ($send) = $out =~ /Send an event:\n(.*?)\n\n/s;
like(scalar(`$send 2>/dev/null`), qr/"created": ?true/, 'the line that sends an event');
my ($ask) = $out =~ /Ask for a series:\n(.*?)\n\n/s;
like(scalar(`$ask 2>/dev/null`), qr/"result"/, 'the line that asks for a series');

($status, $out) = demo('--detach');
is($status, 0, 'again while it is up');
like($out, qr/already up/, '... says so');

# The event sent above is on its way into the database.
sleep 0.1 while events() < 100_001 && time < $^T + 200;
my @pids = started();
($status, $out) = demo('--stop');
is($status, 0, '--stop');
is(scalar(alive(@pids)), 0, '... leaves no process');
is(scalar(started()), 0, '... and no pid file');
($status, $out) = demo('--stop');
like($out, qr/Nothing was running/, '--stop again says that nothing was');

#-----------------------------------------------------------------------------

# As if the extension had changed since: it is made anew, the events stay.
open my $sum, '>', "$dir/extension.sum" or die $!;
close $sum;
($status, $out, $seconds) = demo('--detach');
is($status, 0, 'up again, with another version of the extension') or diag $out;
cmp_ok($seconds, '<', 10, sprintf('... in less than 10 s: %.1f', $seconds));
is(events(), 100_001, '... with all events, none twice');
is_deeply(env(), $env, '... and the same keys');
is(query(), 95_000, '... that a query counts');

# A crash: everything is killed, and the numbers may be others' by now.
@pids = started();
kill 'KILL', @pids;
sleep 0.1 while alive(@pids);
($status, $out) = demo('--detach');
is($status, 0, 'up after a crash') or diag $out;
is(events(), 100_001, '... with all events');

# Some died: the rest is stopped, all start.
kill 'KILL', (started())[0];
($status, $out) = demo('--detach');
is($status, 0, 'up after one of them died') or diag $out;
like($out, qr/an earlier run had left/, '... says what it found');

# Another program has the port.
demo('--stop');
my $other = IO::Socket::INET->new(
	Listen => 1, LocalAddr => "127.0.0.1:$port", ReuseAddr => 1)
	or die "port $port: $!";
($status, $out) = demo('--detach');
is($status, 1, 'a port that is in use is an error');
like($out, qr/port $port is in use.*TALLY_DEMO_PORT/s, '... that says what to do');
is(scalar(started()), 0, '... and nothing was started');
close $other;

# In the foreground, until a signal.
my $said = '';
my $h = IPC::Run::start([ $script, '--reset', '--no-load' ],
	'<', \undef, '>&', \$said, IPC::Run::timeout(120));
eval { $h->pump until $said =~ /Ctrl-C ends it/ };
like($said, qr/Ctrl-C ends it/, 'in the foreground') or diag $said;
is(events(), 0, '--reset began with nothing, --no-load left it so');
isnt(env()->{TALLY_PROJECT}, $env->{TALLY_PROJECT}, '... but with a new project');
@pids = started();
is(scalar(@pids), 5, 'four servers, and the status page');
$h->signal('INT');
eval { $h->finish };
is(scalar(alive(@pids)), 0, 'Ctrl-C ends them all');

# A folder with other things in it is never touched.
mkdir "$top/mine" or die $!;
open my $fh, '>', "$top/mine/thesis.txt" or die $!;
close $fh;
{
	local $ENV{TALLY_DEMO_DIR} = "$top/mine";
	($status, $out) = demo('--reset', '--detach');
	is($status, 1, 'a folder with other things in it is refused');
	ok(-e "$top/mine/thesis.txt", '... and left alone');
}

done_testing;
