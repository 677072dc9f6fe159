# Processes.pm
#     The processes of a TallyTest: started, waited for, signalled and ended by
#     their names.  "postgres", "write", "read" and "nginx" have theirs from the
#     methods that start them.
#
#     $self->{proc}{name} is the process id of one that runs, its output is in
#     log/name.log of $self->{dir}; with $self->{uid} it runs as that user.
package TallyTest::Processes;

use strict;
use warnings;

use IPC::Run ();
use POSIX qw(WNOHANG _exit setsid);
use Test::More ();
use Time::HiRes qw(sleep time);

# How long anything may take to start or to stop before the test fails: on a
# machine whose disk and processors are others' it may be a minute.
our $DEADLINE_S = 120;

# become_user -- in a child: give root's rights away, for good.
sub become_user
{
	my ($self) = @_;
	return unless defined $self->{uid};
	$( = $self->{gid};
	$) = "$self->{gid} $self->{gid}";
	POSIX::setuid($self->{uid});
	die "TallyTest: still root\n" if $> == 0 || $< == 0;
}

# spawn(name, command...) -- start a program, its output in log/name.log.
#
# The child leads its own session, so that a Ctrl-C at the terminal reaches the
# test alone, which then ends its children in order.
sub spawn
{
	my ($self, $name, @command) = @_;
	my $pid = fork() // die "TallyTest: fork: $!\n";

	if ($pid == 0)
	{
		setsid();
		open STDIN, '<', '/dev/null';
		open STDOUT, '>>', "$self->{dir}/log/$name.log" or _exit(126);
		open STDERR, '>&', \*STDOUT or _exit(126);
		$SIG{$_} = 'DEFAULT' for qw(INT TERM PIPE HUP);
		eval { $self->become_user; chdir $self->{dir}; exec @command };
		print STDERR "cannot run $command[0]: ", $@ || $!, "\n";
		_exit(127);
	}
	$self->{proc}{$name} = $pid;
	return $pid;
}

# run_as_user(command...) -- run a program to its end; dies when it fails.
sub run_as_user
{
	my ($self, @command) = @_;
	my $out = '';
	IPC::Run::run(\@command, '<', \undef, '>&', \$out,
		init => sub { $self->become_user; chdir $self->{dir} })
		or die "TallyTest: @command\n$out";
	return $out;
}

sub pid { return $_[0]{proc}{$_[1]} }

# pids_of(name) -- the process and its children, to stop them as one.
sub pids_of
{
	my ($self, $name) = @_;
	my $top = $self->{proc}{$name} or return ();
	my @pids = ($top);
	for my $stat (glob '/proc/[0-9]*/stat')
	{
		open my $fh, '<', $stat or next;
		my $line = <$fh> // next;
		push @pids, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $top;
	}
	return @pids;
}

# is_running(name) -- reaps it when it is not, and keeps its exit status.
sub is_running
{
	my ($self, $name) = @_;
	my $pid = $self->{proc}{$name} or return 0;
	my $done = waitpid($pid, WNOHANG);
	return 1 if $done == 0;
	$self->{status}{$name} = $done == $pid ? $? : undef;
	delete $self->{proc}{$name};
	return 0;
}

# exit_status(name) -- as in $?, of a process that has ended.
sub exit_status { return $_[0]{status}{$_[1]} }

# wait_until(what, check) -- until check() is true; dies at the deadline.
sub wait_until
{
	my ($self, $what, $check, $seconds) = @_;
	my $end = time + ($seconds // $DEADLINE_S);
	while (time < $end)
	{
		my $result = $check->();
		return $result if $result;
		sleep 0.05;
	}
	die "TallyTest: waited in vain for $what\n";
}

# wait_until_up(name, check) -- the same, but notices that a process died.
sub wait_until_up
{
	my ($self, $name, $check) = @_;
	$self->wait_until(
		"$name to start",
		sub {
			die "TallyTest: $name ended at start:\n" . $self->log_text($name)
				unless $self->is_running($name);
			return $check->();
		});
}

sub signal
{
	my ($self, $name, $signal) = @_;
	my $pid = $self->{proc}{$name} or die "TallyTest: no $name runs\n";
	kill $signal, $pid or die "TallyTest: kill $signal $name: $!\n";
}

# wait_for_exit(name, seconds) -- true when it ended by itself in time.
sub wait_for_exit
{
	my ($self, $name, $seconds) = @_;
	return eval {
		$self->wait_until("the end of $name",
			sub { !$self->is_running($name) }, $seconds);
	} ? 1 : 0;
}

# stop_process(name, signal) -- end it; kills it (and says so) when it stays.
sub stop_process
{
	my ($self, $name, $signal) = @_;
	return 1 unless $self->is_running($name);
	my $pid = $self->{proc}{$name};

	kill 'CONT', $pid;
	kill $signal // 'TERM', $pid;
	return 1 if $self->wait_for_exit($name, $DEADLINE_S);

	Test::More::diag("$name did not stop on " . ($signal // 'TERM'));
	kill 'KILL', $pid;
	$self->wait_for_exit($name, $DEADLINE_S);
	return 0;
}

# kill_process(name) -- kill -9, and wait until it is gone.
sub kill_process
{
	my ($self, $name) = @_;
	$self->signal($name, 'KILL');
	$self->wait_for_exit($name, $DEADLINE_S)
		or die "TallyTest: $name survived kill -9\n";
}

1;
