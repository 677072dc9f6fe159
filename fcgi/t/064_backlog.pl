# A start costs the same whatever waits in the spool: events are taken at once,
# and memory is that of an empty spool, while nothing can be stored and while all
# of it is being stored.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Standin;
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

use constant { BACKLOG => 200e6, BATCH => 9e6, EVENT => 3e3 };

my $tally = TallyTest->new(name => 'backlog');
my $p = Standin::start($tally);
$tally->psql(<<'END');
CREATE FUNCTION tally.spool_progress(uuid) RETURNS int8 LANGUAGE sql
AS 'SELECT 0::int8';
CREATE FUNCTION tally.ingest(uuid, int8, int8, bytea, bool, int4[],
    OUT stored int8, OUT duplicate int8, OUT rejected int4[]) LANGUAGE sql
AS $$ SELECT $3 - $2 + 1, 0::int8, '{}'::int4[] $$;
END
my $spool = $tally->dir . '/spool';
my $key_file = $tally->dir . '/run/keys';
$tally->start_nginx;
my $base = "/3.0/projects/$p->{project}/events";

sub post
{
	my ($path, $body) = @_;
	return $tally->http('POST', "$base$path", key => $p->{write_key},
		body => $body)->{status};
}

# started -- the program; after how many seconds an event was taken.
sub started
{
	my $began = time;
	$tally->start_write(spool_file_mb => 16, spool_reserve_mb => 0,
		repeat_window_ms => 0, key_file => $key_file);
	sleep 0.01 until post('/c', '{"a": 1}') == 201 || time - $began > 60;
	return time - $began;
}

# memory(name) -- of tally-write in MB: VmRSS now, VmHWM at most until now.
sub memory
{
	my ($name) = @_;
	my $pid = $tally->pid('write');
	open my $fh, '<', "/proc/$pid/status" or die $!;
	local $/;
	return <$fh> =~ /^$name:\s+(\d+) kB/m ? $1 / 1024 : die "no $name";
}

sub spool_mb
{
	my $bytes = 0;
	$bytes += -s for glob "$spool/*.spool";
	return $bytes / 1e6;
}

# the keys, for starts without a database
started();
$tally->wait_until('the keys', sub { -s $key_file });
$tally->stop_write;
$tally->stop_postgres;

my ($empty_s, $empty_mb) = (started(), memory('VmRSS'));
my $event = '{"n": "' . 'x' x EVENT . '"}';
my $batch = '{"load": [' . join(',', ($event) x (BATCH / EVENT)) . ']}';
my $batches = BACKLOG / BATCH;
my $began = time;
is(scalar(grep { $_ != 200 } map { post('', $batch) } 1 .. $batches), 0,
	'a backlog is made while the database is away');
note(sprintf '%.0f MB of spool in %.1f s', spool_mb(), time - $began);
cmp_ok(spool_mb(), '>', BACKLOG / 1e6, 'which is as large as it should be');
$tally->kill_process('write');

my ($full_s, $full_mb) = (started(), memory('VmRSS'));
note(sprintf 'started in %.3f s, resident %.1f MB; with an empty spool %.3f s,'
	. ' %.1f MB', $full_s, $full_mb, $empty_s, $empty_mb);
cmp_ok($full_s, '<', 1, 'a start with it takes events within a second');
cmp_ok($full_mb, '<', $empty_mb + 8, 'and no more memory than an empty spool');
$tally->stop_write;

$tally->start_postgres;
$full_s = started();
cmp_ok($full_s, '<', 1, 'also while it is being stored');
$began = time;
eval { $tally->wait_until('all to be stored', sub { spool_mb() < 20 }, 60) };
is($@, '', 'all of it is stored');
my $most_mb = memory('VmHWM');
note(sprintf 'started in %.3f s; stored in %.1f s, resident at most %.1f MB',
	$full_s, time - $began, $most_mb);
# a batch is 4 MB, in the spool's reader, in libpq, and while one of them grows
cmp_ok($most_mb, '<', $empty_mb + 40, 'by a program that holds one batch');

ok($tally->stop, 'all stops');
done_testing();
