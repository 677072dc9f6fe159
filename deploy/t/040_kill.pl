# tally-write is killed with -9 in the middle of a load, again and again: every
# event that was acknowledged is in the database, once; and none is there
# twice, acknowledged or not.
#
# TALLY_SEED repeats the events; the moments of the kills are the machine's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use POSIX qw(_exit);
use TallySeed qw(seed);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep);

srand seed('events');

my $KILLS = 5;
my $SENDERS = 4;
my $PER_BODY = 200;

my $tally = TallyTest->new;
$tally->start_postgres;
my $project = $tally->create_project('kill');
$tally->start_write;
$tally->start_nginx;
my $path = "/3.0/projects/$project->{project}/events";

# A sender posts one event, then a body of many, and so on, and notes the
# numbers that were acknowledged: in a file, after the answer.  A request
# without an answer is not sent again: whether it was stored is not known.
sub send_until_told
{
	my ($sender, $stop_file, $acked_file) = @_;
	my $next = 0;
	open my $acked, '>', $acked_file or die "$acked_file: $!";
	$acked->autoflush;

	until (-e $stop_file)
	{
		my $many = $next % 2;
		my @ids = map { "$sender-$next-$_" } 1 .. ($many ? $PER_BODY : 1);
		my @events = map { { token => $_, padding => 'x' x int(rand 300) } } @ids;
		my $r = eval {
			$many
				? $tally->http('POST', $path, key => $project->{write_key},
					json => { load => \@events })
				: $tally->http('POST', "$path/load",
					key => $project->{write_key}, json => $events[0]);
		};
		$next++;
		if ($r && $r->{status} == 201 && !$many)
		{
			print $acked "$ids[0]\n";
		}
		elsif ($r && $r->{status} == 200 && $many)
		{
			my $answers = $r->{json}{load} // [];
			print $acked map { "$ids[$_]\n" }
				grep { $answers->[$_]{success} } 0 .. $#ids;
		}
		else
		{
			sleep 0.05;
		}
	}
}

my $stop_file = $tally->dir . '/stop';
my @senders = map {
	my $sender = $_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		eval { send_until_told($sender, $stop_file, $tally->dir . "/acked-$sender") };
		print STDERR $@ if $@;
		_exit($@ ? 1 : 0);
	}
	$pid;
} 1 .. $SENDERS;

for (1 .. $KILLS)
{
	sleep 0.4 + rand 0.8;
	$tally->kill_process('write');
	sleep rand 0.2;
	$tally->start_write;
}
sleep 0.5;

open my $stop, '>', $stop_file or die "$stop_file: $!";
close $stop;
for (@senders)
{
	waitpid $_, 0;
	is($?, 0, 'a sender ended well');
}

# What was acknowledged goes into a table beside the events.
my @acked = map {
	open my $fh, '<', $tally->dir . "/acked-$_" or die $!;
	<$fh>;
} 1 .. $SENDERS;
cmp_ok(scalar(@acked), '>', 1000, 'events were acknowledged: ' . @acked);

$tally->psql("CREATE TABLE acked (token text);\nCOPY acked FROM stdin;\n"
	. join('', @acked) . "\\.\n"
	. "CREATE VIEW stored AS SELECT properties ->> 'token' AS token"
	. ' FROM tally_store.event');

my $missing = 'SELECT count(*) FROM acked a WHERE NOT EXISTS'
	. ' (SELECT FROM stored s WHERE s.token = a.token)';
eval { $tally->wait_until('the spool to be drained',
	sub { $tally->psql($missing) == 0 }, 60) };
is($tally->psql($missing), 0, 'every acknowledged event is stored');
is($tally->psql('SELECT count(*) FROM (SELECT FROM stored'
		. ' GROUP BY token HAVING count(*) > 1) x'),
	0, 'no event is stored twice');
is($tally->psql("SELECT count(*) FROM acked"), scalar(@acked),
	'nothing else was looked at');

ok($tally->stop, 'all stops');
done_testing;
