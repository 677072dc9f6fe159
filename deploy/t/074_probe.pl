# The probe: what it says when all is well, when a part is away, and that nobody
# can read a key from it.
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib";

use IPC::Run ();
use TallyTest;
use Test::More;
use Time::HiRes qw(time);

my $tally = TallyTest->new(name => 'probe');
$tally->start_postgres;
my $p = $tally->create_project('probe');
my %writer = (key_refresh_ms => 200, spool_file_mb => 1, spool_reserve_mb => 0,
	key_file => $tally->dir . '/run/keys-write');
my %reader = (key_refresh_ms => 200, key_file => $tally->dir . '/run/keys-read');
$tally->start_write(%writer);
$tally->start_read(%reader);
$tally->start_nginx;
$tally->wait_until('the keys', sub {
	!grep { $tally->http('GET', "/health/$_")->{status} != 200 }
		'ready', 'query/ready' });

my $dir = $tally->dir . '/metrics';
my $file = "$dir/tally_probe.prom";
my $script = "$TallyTest::ROOT/deploy/prometheus/probe.sh";
my %env = (TALLY_URL => $tally->url, TALLY_PROJECT => $p->{project},
	TALLY_WRITE_KEY => $p->{write_key}, TALLY_READ_KEY => $p->{read_key});

# A curl that notes what it is called with, as ps would show it.
my $bin = $tally->dir . '/curl';
mkdir $_ or die $! for $dir, $bin;
{
	open my $fh, '>', "$bin/curl" or die $!;
	print $fh "#!/bin/sh\nprintf '%s\\n' \"\$*\" >>$bin/seen\n",
		"exec env PATH=\"\${PATH#*:}\" curl \"\$@\"\n";
	close $fh;
	chmod 0755, "$bin/curl";
}

# probe(%more environment) -- (exit status, what it said)
sub probe
{
	local @ENV{keys %env} = values %env;
	my %more = @_;
	local @ENV{keys %more} = values %more;
	local $ENV{PATH} = "$bin:$ENV{PATH}";
	my $said = '';
	IPC::Run::run([ $script, $file ], '<', \undef, '>&', \$said);
	return ($? >> 8, $said);
}

# metrics() -- {line without its value => value}
sub metrics
{
	open my $fh, '<', $file or return {};
	return { map { /^tally_probe_(\S+) (\S+)$/ ? ($1 => $2) : () } <$fh> };
}

# says(title, write, read, env) -- one run.
sub says
{
	my ($title, $write, $read, %more) = @_;
	my $begin = time;
	my ($status, $said) = probe(%more);
	my $m = metrics();
	is($status, 0, "$title: it ran");
	is($m->{'success{step="write"}'}, $write, "$title: event taken");
	is($m->{'success{step="read"}'}, $read, "$title: event seen");
	cmp_ok($m->{timestamp_seconds}, '>=', $begin - 0.001, "$title: just now");
	ok(($write && $read) == ($said eq ''), "$title: a failure is logged")
		or diag($said);
	return ($m, $said);
}

#-----------------------------------------------------------------------------
# All is well
#-----------------------------------------------------------------------------

my ($m, $said) = says('well', 1, 1);
my $text = do { local (@ARGV, $/) = $file; <> };
my $checked = '';
ok(eval { IPC::Run::run([ qw(promtool check metrics) ], '<', \$text, '>&',
			\$checked) }, 'promtool takes it');
is($checked, '', 'and has nothing to say');
cmp_ok($m->{write_seconds}, '>', 0, 'how long it took to be taken');
cmp_ok($m->{visible_seconds}, '>', $m->{write_seconds}, 'and to be seen');
cmp_ok($m->{visible_seconds}, '<', 20, 'in seconds');
note("$_ $m->{$_}") for sort keys %$m;
is((stat $file)[2] & 07777, 0644, 'others may read it');
says('once more', 1, 1);
is($tally->psql('SELECT count(*) FROM tally_store.event'), 2,
	'each run is an event of its own');

#-----------------------------------------------------------------------------
# A part is away
#-----------------------------------------------------------------------------

my %soon = (TALLY_PROBE_WAIT_S => 2);
$tally->stop_postgres;
($m, $said) = says('no database', 1, 0, %soon);
cmp_ok($m->{visible_seconds}, '>=', 2, 'it says how long it waited');
like($said, qr/not seen.*503/s, 'and what was said last');
$tally->start_postgres;
$tally->wait_for_events(3);
$tally->wait_until('queries', sub {
	$tally->http('GET', '/health/query/ready')->{status} == 200 });
says('it is back', 1, 1);

$tally->stop_read;
says('no tally-read', 1, 0, %soon);
$tally->start_read(%reader);

$tally->stop_write;
($m, $said) = says('no tally-write', 0, undef, %soon);
is($m->{visible_seconds}, undef, 'of what was not sent nothing can be seen');
like($said, qr/not taken.*502/s, 'and what was said');
$tally->start_write(%writer);
says('all are back', 1, 1);

$tally->stop_nginx;
says('no nginx', 0, undef, %soon);
$tally->start_nginx;
says('a wrong key', 0, undef, %soon, TALLY_WRITE_KEY => 'A' x 64);

#-----------------------------------------------------------------------------
# Files and keys
#-----------------------------------------------------------------------------

is(join(' ', map { s{.*/}{}r } glob "$dir/*"), 'tally_probe.prom',
	'nothing but the file is left there');
open my $fh, '<', "$bin/seen" or die $!;
my $seen = join '', <$fh>;
like($seen, qr{/queries/count}, 'curl was called');
unlike($seen, qr/$p->{write_key}|$p->{read_key}/, 'and no key was an argument');
unlike($text, qr/$p->{write_key}|$p->{read_key}|$p->{project}/,
	'nor is one, or the project, in the metrics');

my ($status, $why) = probe(TALLY_READ_KEY => '');
is($status, 1, 'without a key it fails');
like($why, qr/TALLY_READ_KEY is not set/, 'and says so');
$file = "$dir/none/tally_probe.prom";
($status, $why) = probe();
is($status, 1, 'so it does where it cannot write');
like($why, qr/cannot write/, 'and says so');

done_testing();
