# Probe.pm
#     What the machine itself does to a program, measured beside a test: a
#     process that does what an acknowledgement needs and nothing of Tally's.
#     Twenty times a second it wakes up, writes 4 kB and waits for the disk.
#
#     my $probe = Probe->start($tally);
#     my $was = $probe->figures($from, $to);      # as time() says
#     $was->{wake}, $was->{sync}                   # p99, in milliseconds
#     cmp_ok($p99, '<', Probe::bound(100, 3 * $was->{sync}), ...);
#     next if Probe::is_busy($was);                # measure once more
#
# "wake" is how late it woke up, "sync" until its bytes were on disk.  Both
# count from when they were due, not from when the one before had ended: a
# disk that stands still for a second delays everybody who comes in it.
package Probe;

use strict;
use warnings;

use Fcntl qw(O_CREAT O_DSYNC O_RDWR SEEK_SET);
use POSIX qw(_exit);
use Time::HiRes qw(sleep time);

# A machine that takes longer for either is busy with something else.
my %BUSY_MS = (wake => 1, sync => 20);

my $EVERY_S = 0.05;
my $BYTES = 4096;
my $BLOCKS = 256;    # written over and over, as the spool's zeroed space is

sub start
{
	my ($class, $tally) = @_;
	my $self = bless { log => $tally->dir . '/probe.log' }, $class;
	my $parent = $$;
	my $pid = fork() // die "Probe: fork: $!\n";
	if ($pid == 0)
	{
		$SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
		eval { $self->_run($tally->dir . '/probe.data', $parent); 1 }
			or print STDERR "Probe: $@";
		_exit(1);
	}
	# so that it is ended with all others
	$tally->{proc}{probe} = $pid;
	$tally->wait_until('the probe', sub { -s $self->{log} });
	return $self;
}

sub _run
{
	my ($self, $file, $parent) = @_;
	my $block = "\0" x $BYTES;
	sysopen my $data, $file, O_RDWR | O_CREAT | O_DSYNC or die "$file: $!\n";
	syswrite $data, "\0" x ($BLOCKS * $BYTES);
	open my $log, '>', $self->{log} or die "$self->{log}: $!\n";
	my $due = time;
	for (my $i = 0; getppid() == $parent; $i++)
	{
		$due += $EVERY_S;
		my $left = $due - time;
		sleep $left if $left > 0;
		my $woke = time;
		sysseek $data, $i % $BLOCKS * $BYTES, SEEK_SET;
		syswrite($data, $block) == $BYTES or die "$file: $!\n";
		syswrite $log, sprintf "%.6f %.6f %.6f\n", $due, $woke - $due,
			time - $due;
	}
	return;
}

# percentile(p, numbers)
sub percentile
{
	my ($p, @n) = @_;
	@n = sort { $a <=> $b } @n;
	return @n ? $n[ int($p / 100 * $#n + 0.5) ] : 0;
}

# figures(from, to) -- {wake, sync}: the p99 of that time.
sub figures
{
	my ($self, $from, $to) = @_;
	open my $log, '<', $self->{log} or die "$self->{log}: $!\n";
	my (@wake, @sync);
	while (my $line = <$log>)
	{
		my ($due, $wake, $sync) = split ' ', $line;
		next if !defined $sync || $due < $from || $due > $to;
		push @wake, 1000 * $wake;
		push @sync, 1000 * $sync;
	}
	return { wake => percentile(99, @wake), sync => percentile(99, @sync) };
}

# is_busy(figures) -- may the machine be to blame?
sub is_busy
{
	my ($was) = @_;
	return scalar grep { $was->{$_} >= $BUSY_MS{$_} } keys %BUSY_MS;
}

# bound(promised, what the machine itself allows) -- in milliseconds.
sub bound
{
	my ($promised, $possible) = @_;
	return $possible > $promised ? $possible : $promised;
}

1;
