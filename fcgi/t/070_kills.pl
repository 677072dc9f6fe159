# Two writers behind one nginx, killed with -9 again and again under a load,
# and with every kill what was not synced is gone, names too, as without power.
# Each event that was acknowledged is stored once, and none is stored that was not
# sent.
#
# TALLY_KILLS says how often (200, with 500 events acknowledged for each).
#
# Measures no times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../../deploy/t/lib";

use Faults;
use POSIX qw(_exit);
use TallyTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $KILLS = $ENV{TALLY_KILLS} // 200;
my $EVENTS = 500 * $KILLS;
my $SENDERS = 4;
my $LIMIT_S = 20 + $KILLS;

my $seed = $ENV{TALLY_SEED} // time;
srand $seed;
diag "TALLY_SEED=$seed TALLY_KILLS=$KILLS";

my $tally = TallyTest->new(name => 'kills');
my $dir = $tally->dir;
$tally->start_postgres;
my $p = $tally->create_project('kills');
my %writers = (write => 'spool', other => 'spool2');
mkdir "$dir/spool2", 0700 or die $!;
chown $tally->{uid}, $tally->{gid}, "$dir/spool2" if defined $tally->{uid};
my %faults = map { $_ => Faults->new($tally, $_) } sort keys %writers;
$_->set(forget => 1) for values %faults;

sub start
{
	my ($name) = @_;
	$faults{$name}->around(sub {
		$tally->start_responder($name, 'tally-write',
			listen => "$dir/run/$name.sock", spool => "$dir/$writers{$name}",
			database => $tally->conninfo(user => 'tally_writer'),
			spool_file_mb => 1, spool_reserve_mb => 0, key_refresh_ms => 1000,
			key_file => "$dir/keys-$name") });
	return;
}
start($_) for sort keys %writers;
$tally->start_nginx(edit => sub {
	s{(upstream tally_ingest \{\s*server unix:\S+ max_fails=0;)}
		{$1 server unix:$dir/run/other.sock max_fails=0;};
});
my $base = "/3.0/projects/$p->{project}/events";
my $ready = time + 20;
for my $good (1 .. 10)    # in turn: so each has its keys
{
	sleep 0.1 until time > $ready || $tally->http('POST', $base,
		key => $p->{write_key}, json => {})->{status} == 200;
}

# send_events(k) -- single events and batches, in turn; tokens "k-n-i".  What
# is to be sent is noted before, what was acknowledged after.
sub send_events
{
	my ($k) = @_;
	my $stop = 0;
	local $SIG{TERM} = sub { $stop = 1 };
	open my $acked, '>', "$dir/acked-$k" or die $!;
	$acked->autoflush;
	my $n = 0;
	for (; !$stop; $n++)
	{
		my @ids = map { "$k-$n-$_" } 1 .. ($n % 3 == 0 ? 1 : 40);
		my @events = map { { id => $_, padding => 'x' x int rand 300 } } @ids;
		my $r = eval { @ids == 1
			? $tally->http('POST', "$base/load", key => $p->{write_key},
				json => $events[0])
			: $tally->http('POST', $base, key => $p->{write_key},
				json => { load => \@events }) };
		my $ok = $r && ($r->{status} == 201 || $r->{status} == 200);
		print $acked map { "$_\n" } @ids if $ok;
		sleep 0.02 unless $ok;
	}
	open my $sent, '>', "$dir/sent-$k" or die $!;
	print $sent "$n\n";
	return;
}

my @senders = map {
	my $k = $_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		eval { send_events($k); 1 } or print STDERR $@;
		_exit($@ ? 1 : 0);
	}
	$pid;
} 1 .. $SENDERS;

sub acked_so_far
{
	my $count = 0;
	for my $k (1 .. $SENDERS)
	{
		open my $fh, '<', "$dir/acked-$k" or next;
		$count++ while <$fh>;
	}
	return $count;
}

my ($began, $kills) = (time, 0);
while ($kills < $KILLS || ($kills % 20 == 0 && acked_so_far() < $EVENTS))
{
	last if time - $began > $LIMIT_S * 2;
	my $name = $kills % 2 ? 'other' : 'write';
	sleep rand 0.25;
	$tally->kill_process($name);
	start($name);
	$kills++;
}
sleep 0.1 while acked_so_far() < $EVENTS && time - $began < $LIMIT_S * 2;
kill 'TERM', @senders;
for (@senders) { waitpid $_, 0; is($?, 0, 'a sender ended well') }

my (@acked, @sent);
for my $k (1 .. $SENDERS)
{
	open my $fh, '<', "$dir/acked-$k" or die $!;
	push @acked, <$fh>;
	open $fh, '<', "$dir/sent-$k" or die $!;
	chomp($sent[$k] = <$fh>);
}
cmp_ok($kills, '>=', $KILLS, "$kills kills");
cmp_ok(scalar(@acked), '>=', $EVENTS, @acked . ' events acknowledged');

$tally->psql("CREATE TABLE acked (id text);\nCOPY acked FROM stdin;\n"
	. join('', @acked) . "\\.\nCREATE UNIQUE INDEX ON acked (id);"
	. "CREATE VIEW stored AS SELECT properties ->> 'id' AS id"
	. ' FROM tally_store.event');
my $missing = 'SELECT count(*) FROM'
	. ' (SELECT id FROM acked EXCEPT SELECT id FROM stored) x';
eval { $tally->wait_until('the spools to be drained',
	sub { $tally->psql($missing) == 0 }, 60) };
is($tally->psql($missing), 0, 'each of them is stored');
is($tally->psql('SELECT count(*) FROM (SELECT FROM stored'
		. ' GROUP BY id HAVING count(*) > 1) x'), 0, 'none of them twice');
is($tally->psql('SELECT count(*) FROM stored WHERE NOT EXISTS (SELECT FROM ('
		. join(' UNION ALL ', map { "SELECT $_ AS k, $sent[$_] AS n" }
			1 .. $SENDERS)
		. ") s WHERE k = split_part(id, '-', 1)::int"
		. " AND split_part(id, '-', 2)::int < n)"),
	0, 'and none that was not sent');
diag sprintf '%d kills, %d events acknowledged, %s stored, %.0f s', $kills,
	scalar @acked, $tally->psql('SELECT count(*) FROM stored'), time - $began;
ok(!-s "$dir/$_/dead-letters.jsonl", "no dead letters in $_")
	for values %writers;
is(scalar(my @bad = glob "$dir/spool*/*.bad"), 0, 'no file was damaged');

done_testing();
