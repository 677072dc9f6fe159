# Load.pm
#     Clients that send events and write down which were acknowledged, while
#     things are done to the servers; and whether those are stored, once.
#
#     my $load = Load->new($tally, $project);
#     $load->start('name', 4);               # four clients
#     ...
#     my ($ids, $codes, $slowest) = $load->stop;
#     $load->drained;
#     is($load->missing_and_doubled($ids), '0|0');
package Load;

use strict;
use warnings;

use POSIX qw(_exit);
use Time::HiRes qw(sleep time);

sub new
{
	my ($class, $tally, $project) = @_;
	return bless { tally => $tally, key => $project->{write_key},
		base => "/3.0/projects/$project->{project}/events",
		clients => {} }, $class;
}

# post(path, %opt) -- an answer, as of TallyTest's http().
sub post
{
	my ($self, $path, %opt) = @_;
	return $self->{tally}->http('POST', "$self->{base}$path",
		key => $self->{key}, %opt);
}

# start(name, clients) -- each sends events {"id": "name-k-n"} until it is
# told to stop.  Every third request is a batch of ten.
sub start
{
	my ($self, $name, $clients) = @_;
	for my $k (1 .. $clients)
	{
		my $file = $self->{tally}->dir . "/acked-$name-$k";
		my $pid = fork() // die "fork: $!";
		if ($pid == 0)
		{
			my $stop = 0;
			local $SIG{TERM} = sub { $stop = 1 };
			open my $fh, '>', $file or _exit(1);
			$fh->autoflush(1);
			for (my $n = 0; !$stop; $n++)
			{
				my @ids = map { "$name-$k-$n-$_" }
					1 .. ($n % 3 == 0 ? 10 : 1);
				my $began = time;
				my $r = @ids == 1
					? $self->post('/load', json => { id => $ids[0] })
					: $self->post('',
						json => { load => [map { { id => $_ } } @ids] });
				my $ms = int(1000 * (time - $began));
				my $code = $r->{status};
				my $ok = $code == 201 || $code == 200 ? 1 : 0;
				print $fh map { "$ok $code $ms $_\n" } @ids;
				sleep 0.02 unless $ok;
			}
			_exit(0);
		}
		$self->{clients}{$pid} = $file;
	}
	return;
}

# acknowledged -- how many events so far.
sub acknowledged
{
	my ($self) = @_;
	my $n = 0;
	for my $file (values %{ $self->{clients} })
	{
		open my $fh, '<', $file or next;
		while (my $line = <$fh>) { $n++ if $line =~ /^1 .*\n/ }
	}
	return $n;
}

# more(n) -- until so many more are acknowledged.
sub more
{
	my ($self, $n) = @_;
	my $end = $self->acknowledged + $n;
	$self->{tally}->wait_until("$n events",
		sub { $self->acknowledged >= $end });
	return;
}

# stop -- (acknowledged ids, {status => how often}, slowest answer in ms)
sub stop
{
	my ($self) = @_;
	my $clients = $self->{clients};
	my (@ids, %codes);
	my $slowest = 0;
	kill 'TERM', keys %$clients;
	for my $pid (keys %$clients)
	{
		waitpid $pid, 0;
		open my $fh, '<', $clients->{$pid} or die "$clients->{$pid}: $!";
		while (my $line = <$fh>)
		{
			my ($ok, $code, $ms, $id) = split ' ', $line;
			$codes{$code}++;
			next unless $ok;
			push @ids, $id;
			$slowest = $ms if $ms > $slowest;
		}
	}
	%$clients = ();
	return (\@ids, \%codes, $slowest);
}

# drained -- wait until the database has all that the spool had.
sub drained
{
	my ($self) = @_;
	my $tally = $self->{tally};
	my $id = 'mark-' . time . '-' . rand;
	$tally->wait_until('an event to be taken', sub {
		$self->post('/marks', json => { id => $id })->{status} == 201 }, 60);
	$tally->wait_until('the spool to drain', sub {
		$tally->psql(<<"SQL") }, 60);
SELECT count(*) FROM tally_store.event WHERE properties ->> 'id' = '$id'
SQL
	return;
}

# missing_and_doubled(ids) -- of the acknowledged, how many are not stored,
# and of all stored, how many more than once.
sub missing_and_doubled
{
	my ($self, $ids) = @_;
	return $self->{tally}->psql(
		"CREATE TEMP TABLE acked (id text);\nCOPY acked FROM STDIN;\n"
			. join('', map { "$_\n" } @$ids) . "\\.\n" . <<'SQL');
WITH stored AS (SELECT properties ->> 'id' AS id, count(*) AS n
	FROM tally_store.event WHERE properties ? 'id' GROUP BY 1)
SELECT (SELECT count(*) FROM acked WHERE id NOT IN (SELECT id FROM stored)),
	(SELECT count(*) FROM stored WHERE n > 1)
SQL
}

1;
