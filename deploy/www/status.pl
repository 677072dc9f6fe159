#!/usr/bin/perl
# status.pl -- how is Tally?  Written down where nginx finds it.
#
#     status.pl FOLDER [METRICS]
#
# Asks both programs whether they are ready, on the way that everybody takes, and
# writes what they said into FOLDER/api/v2, as the status pages of others do:
# summary.json, status.json (its page and status), incidents.json (those of the
# last two weeks).  ../systemd/tally-status.timer runs it once a minute; nginx
# serves the files itself, so they are right while all of Tally is away.  When
# this script does not run, "updated_at" says so.  README.md has the details.
#
# What it knows of earlier runs is in those files.  Each is replaced as a whole.
# METRICS is a file for the textfile collector of Prometheus' node exporter.
#
# TALLY_URL           whom to ask (http://127.0.0.1)
# TALLY_STATUS_NAME   the name of the page (Tally)
# TALLY_STATUS_PAGE   its address, for those who read the JSON (/status)
#
# Exits with 0 also when Tally is away: that is what the files say, and the log.
use strict;
use warnings;
no warnings 'exec';

use File::Path qw(make_path);
use JSON::PP ();
use POSIX qw(strftime);
use Time::Local qw(timegm);

my $ONCE_S = 4;                    # for one request; nginx gives up after 2
my $STALE_S = 300;                 # so long an older answer is given: cache_stale_ms
my $LATE_S = 300;                  # data is later than "late"
my $KEEP_S = 14 * 86400;           # a resolved incident
my $MAX_INCIDENTS = 50;
my $MAX_UPDATES = 50;              # of one incident
my $MAX_BYTES = 16 << 20;          # of a file of ours, or it is none

my $URL = $ENV{TALLY_URL} || 'http://127.0.0.1';
my $NAME = $ENV{TALLY_STATUS_NAME} || 'Tally';
my $PAGE = $ENV{TALLY_STATUS_PAGE} || '/status';
utf8::decode($_) for $NAME, $PAGE;

# In the order in which they are shown.  "trouble" is the name of an incident.
my @COMPONENTS = (
	{
		id => 'ingest',
		name => 'Events',
		description => 'Recording events over HTTP',
		trouble => 'events refused',
		says => {
			operational => 'Events are taken.',
			major_outage => 'Events are not taken: send them again later.'
				. ' Those that were acknowledged are on disk.',
		},
	},
	{
		id => 'queries',
		name => 'Queries',
		description => 'Answering queries over HTTP',
		trouble => 'queries failing',
		says => {
			operational => 'Queries are answered.',
			partial_outage => 'Queries that were asked a moment ago get that'
				. ' answer, the others an error.',
			major_outage => 'Queries are not answered.',
		},
	},
	{
		id => 'freshness',
		name => 'Freshness',
		description => 'How soon queries see an event that was recorded',
		trouble => 'data late',
		says => {
			operational => 'Queries see events within seconds.',
			degraded_performance => 'Queries see events late.',
			partial_outage => 'Queries see events more than five minutes late.',
			major_outage => 'Queries do not see events that are taken now.',
		},
	},
);
my %RANK = (operational => 0, degraded_performance => 1, partial_outage => 2,
	major_outage => 3);
my %IMPACT = (none => 0, minor => 1, major => 2, critical => 3);
my %OVERALL = (none => 'All systems operational', minor => 'Degraded performance',
	major => 'Partial outage', critical => 'Major outage');

my $ISO = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\z/;
my $json = JSON::PP->new->utf8->canonical->indent->space_after;

my $temporary;
END { my $status = $?; unlink $temporary if defined $temporary; $? = $status }
$SIG{$_} = sub { exit 1 } for qw(INT TERM HUP);

sub say_it { print STDERR "status.pl: $_[0]\n" }
sub fail { say_it($_[0]); exit 1 }

#-----------------------------------------------------------------------------
# What is so
#-----------------------------------------------------------------------------

# ask(path) -- {status => pass, warn, fail, or none: nobody said, checks, code}
sub ask
{
	my ($path) = @_;
	my $text = '';

	# Without curl nothing is known, which is no outage: the page grows old.
	open my $fh, '-|', 'curl', '--disable', '--silent', '--max-time', $ONCE_S,
		'--write-out', "\n%{http_code}", '--url', "$URL$path"
		or fail("cannot run curl: $!");
	read $fh, $text, 65536;
	close $fh;

	my $code = $text =~ s/\n(\d{3})\z// ? $1 : '000';
	my $answer = eval { $json->decode($text) };
	my $status = ref $answer eq 'HASH' && $answer->{status} // '';
	return { status => 'none', code => $code }
		unless $status =~ /\A(?:pass|warn|fail)\z/;
	return { status => $status, code => $code, checks => $answer->{checks} };
}

# delay_of(write, read) -- the check that says how late data is, the worst, or
# undef.  One knows its own spool, the other what all spools have said.
sub delay_of
{
	my ($write, $read) = @_;
	my $passes = sub { ($_[0]{status} // '') eq 'pass' };
	my @checks = sort { $passes->($a) <=> $passes->($b)
			|| ($b->{observedValue} // 0) <=> ($a->{observedValue} // 0) }
		grep { ref eq 'HASH' }
		eval { $write->{checks}{'database:delay'}[0] },
		eval { $read->{checks}{'events:behind'}[0] };
	return $checks[0];
}

# A warning is about other things than taking events: ready is ready.
sub judge_ingest
{
	my ($answer) = @_;
	return $answer->{status} =~ /none|fail/ ? 'major_outage' : 'operational';
}

# Without the database older answers are given for a while; $was is the component
# as it was.
sub judge_queries
{
	my ($answer, $was, $now) = @_;
	return 'operational' unless $answer->{status} =~ /none|fail/;
	return 'major_outage' if $answer->{status} eq 'none'
		|| $was && ($was->{status} eq 'major_outage'
			|| $was->{status} eq 'partial_outage'
			&& $now - seconds_of($was->{updated_at}) >= $STALE_S);
	return 'partial_outage';
}

# Where tally-write does not answer, its spool may hold events that nobody knows
# of, and what the other knows can only make it worse.  When nobody says how late
# data is, nobody stores any either.
sub judge_freshness
{
	my ($delay, $is_whole) = @_;
	return 'major_outage' unless $delay;
	return $is_whole ? 'operational' : 'degraded_performance'
		if ($delay->{status} // '') eq 'pass';
	return ($delay->{observedValue} // 0) >= $LATE_S
		? 'partial_outage' : 'degraded_performance';
}

# components(write, read, now, was) -- as they are now, from both answers; "was" is
# {id => component}.
sub components
{
	my ($write, $read, $now, $was) = @_;
	my $delay = delay_of($write, $read);
	my $is_whole = $write->{status} ne 'none';
	my %status = (ingest => judge_ingest($write),
		queries => judge_queries($read, $was->{queries}, $now),
		freshness => judge_freshness($delay, $is_whole));
	my %code = (ingest => $write->{code}, queries => $read->{code},
		freshness => $write->{code});
	my $position = 0;

	return map {
		my $before = $was->{ $_->{id} };
		my $status = $status{ $_->{id} };
		my $same = $before && $before->{status} eq $status;
		say_it("$_->{id}: $status, was "
				. ($before ? $before->{status} : 'unknown')
				. " (HTTP $code{ $_->{id} })") unless $same;
		{
			id => $_->{id},
			page_id => 'tally',
			name => $_->{name},
			description => $_->{description},
			status => $status,
			position => ++$position,
			created_at => $before ? $before->{created_at} : iso($now),
			updated_at => $same ? $before->{updated_at} : iso($now),
			start_date => undef,
			group => JSON::PP::false,
			group_id => undef,
			showcase => JSON::PP::true,
			only_show_if_degraded => JSON::PP::false,
			# beside what others have
			$_->{id} eq 'freshness'
				? (behind_seconds => $delay && ($is_whole || $delay->{observedValue})
					? $delay->{observedValue} : undef) : (),
		}
	} @COMPONENTS;
}

# indicator(components) -- of all: critical where nothing is of use any more
sub indicator
{
	my %rank = map { $_->{id} => $RANK{ $_->{status} } } @_;
	my ($worst) = sort { $b <=> $a } values %rank;
	return 'critical' if $rank{ingest} == 3 && $rank{queries} == 3;
	return $worst >= 2 ? 'major' : $worst ? 'minor' : 'none';
}

#-----------------------------------------------------------------------------
# Incidents
#-----------------------------------------------------------------------------

# add_update(incident, status, body, now, was, components) -- components: those
# that the update is about, which were well where "was" does not know them
sub add_update
{
	my ($incident, $status, $body, $now, $was, @about) = @_;
	my $updates = $incident->{incident_updates};
	my $last = @$updates && ($updates->[0]{id} // '') =~ /-(\d+)\z/ ? $1 : 0;

	unshift @$updates, {
		id => "$incident->{id}-" . ($last + 1),
		incident_id => $incident->{id},
		status => $status,
		body => $body,
		created_at => iso($now),
		updated_at => iso($now),
		display_at => iso($now),
		affected_components => [
			map { {
				code => $_->{id},
				name => $_->{name},
				old_status => $was->{ $_->{id} }
					? $was->{ $_->{id} }{status} : 'operational',
				new_status => $_->{status},
			} } @about ],
	};
	splice @$updates, $MAX_UPDATES if @$updates > $MAX_UPDATES;
	$incident->{status} = $status;
	$incident->{updated_at} = iso($now);
	return;
}

# sentences(components) -- what each means for who uses it
sub sentences
{
	my %of = map { $_->{id} => $_->{status} } @_;
	return join ' ', map { $_->{says}{ $of{ $_->{id} } } }
		grep { $of{ $_->{id} } } @COMPONENTS;
}

# concerns(incident, components) -- it is about these, and those before
sub concerns
{
	my ($incident, @components) = @_;
	my %about = map { ($_->{id} // '') => 1 } @{ $incident->{components} };
	my @about = grep { $about{ $_->{id} } || $_->{status} ne 'operational' }
		@components;
	my %named = map { $_->{id} => 1 } @about;

	$incident->{components} = \@about;
	$incident->{name} = ucfirst join ', ',
		map { $_->{trouble} } grep { $named{ $_->{id} } } @COMPONENTS;
	return;
}

# open_incident(now, was, components) -- a new one, from the second run on that
# finds a component in trouble: a restart is none.  Else undef.
sub open_incident
{
	my ($now, $was, @components) = @_;
	my @bad = grep { $_->{status} ne 'operational' } @components;
	my ($since) = sort map { $was->{ $_->{id} }{updated_at} }
		grep { $was->{ $_->{id} }
			&& $was->{ $_->{id} }{status} ne 'operational' } @bad;
	return undef unless $since;

	my $incident = {
		id => "i$now",
		page_id => 'tally',
		impact => 'none',
		created_at => iso($now),
		started_at => $since,
		monitoring_at => undef,
		resolved_at => undef,
		shortlink => $PAGE,
		components => [],
		incident_updates => [],
	};
	concerns($incident, @components);
	add_update($incident, 'investigating', sentences(@bad), $now, {}, @bad);
	return $incident;
}

# go_on(incident, now, was, components) -- it changes, or is over
sub go_on
{
	my ($incident, $now, $was, @components) = @_;
	my @changed = grep { $was->{ $_->{id} }
		&& $was->{ $_->{id} }{status} ne $_->{status} } @components;

	concerns($incident, @components);
	if (!grep { $_->{status} ne 'operational' } @components)
	{
		my @about = @{ $incident->{components} };
		add_update($incident, 'resolved', sentences(@about), $now, $was, @about);
		$incident->{resolved_at} = iso($now);
	}
	elsif (@changed)
	{
		add_update($incident, 'investigating', sentences(@changed), $now, $was,
			@changed);
	}
	return;
}

# incidents(before, now, was, components) -- newest first; one at a time is open
sub incidents
{
	my ($before, $now, $was, @components) = @_;
	my @all = grep { $_->{status} ne 'resolved'
			|| $now - seconds_of($_->{resolved_at}) < $KEEP_S } @$before;
	my ($open) = grep { $_->{status} ne 'resolved' } @all;
	my $indicator = indicator(@components);

	if ($open) { go_on($open, $now, $was, @components) }
	elsif ($open = open_incident($now, $was, @components)) { unshift @all, $open }
	$open->{impact} = $indicator
		if $open && $IMPACT{$indicator} > ($IMPACT{ $open->{impact} // '' } // 0);
	splice @all, $MAX_INCIDENTS if @all > $MAX_INCIDENTS;
	return @all;
}

#-----------------------------------------------------------------------------
# Files
#-----------------------------------------------------------------------------

sub iso { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }

sub seconds_of
{
	my ($y, $mon, $d, $h, $min, $s) = $_[0] =~ /(\d+)/g;
	return eval { timegm($s, $min, $h, $d, $mon - 1, $y) } // 0;
}

# is_time(text...) -- are they all?
sub is_time { return !grep { ($_ // '') !~ $ISO } @_ }

# read_before(file, member, check) -- the list of that name, if there is one and
# check($_) is true of each; else an empty one.  A damaged file is replaced.
sub read_before
{
	my ($file, $member, $check) = @_;
	my ($text, $list) = ('');

	return [] unless -e $file;
	if (open my $fh, '<:raw', $file)
	{
		read $fh, $text, $MAX_BYTES;
		$list = eval { $json->decode($text)->{$member} };
	}
	if (ref $list ne 'ARRAY' || grep { ref ne 'HASH' || !$check->() } @$list)
	{
		say_it("$file is damaged: beginning anew");
		return [];
	}
	return $list;
}

sub is_component
{
	return defined $_->{id} && exists $RANK{ $_->{status} // '' }
		&& is_time(@$_{qw(created_at updated_at)});
}

sub is_incident
{
	return defined $_->{id} && defined $_->{status} && is_time($_->{created_at})
		&& ($_->{status} ne 'resolved' || is_time($_->{resolved_at}))
		&& ref $_->{components} eq 'ARRAY'
		&& ref $_->{incident_updates} eq 'ARRAY'
		&& !grep { ref ne 'HASH' }
		@{ $_->{components} }, @{ $_->{incident_updates} };
}

# write_file(file, bytes) -- whoever reads it finds the old one or this one
sub write_file
{
	my ($file, $bytes) = @_;
	$temporary = "$file.$$";

	open(my $fh, '>:raw', $temporary) or fail("cannot write $file: $!");
	print($fh $bytes) && close($fh) && chmod(0644, $temporary)
		&& rename($temporary, $file) or fail("cannot write $file: $!");
	undef $temporary;
	return;
}

sub write_metrics
{
	my ($file, $now) = @_;
	write_file($file, <<"END");
# HELP tally_status_timestamp_seconds When the status page was last renewed.
# TYPE tally_status_timestamp_seconds gauge
tally_status_timestamp_seconds $now
END
	return;
}

sub main
{
	my ($folder, $metrics) = @_;
	my $api = "$folder/api/v2";

	umask 022;
	make_path($api, { error => \my $errors });
	my %was = map { $_->{id} => $_ } @{ read_before("$api/summary.json",
			'components', \&is_component) };
	my $before = read_before("$api/incidents.json", 'incidents', \&is_incident);

	my @answers = (ask('/health/ready'), ask('/health/query/ready'));
	my $now = time;
	my @components = components(@answers, $now, \%was);
	my $indicator = indicator(@components);
	my @incidents = incidents($before, $now, \%was, @components);
	my $page = { id => 'tally', name => $NAME, url => $PAGE,
		time_zone => 'Etc/UTC', updated_at => iso($now) };
	my $status = { indicator => $indicator, description => $OVERALL{$indicator} };

	# Incidents first: should the next write fail, they are not told twice.
	write_file("$api/incidents.json", $json->encode(
			{ page => $page, incidents => \@incidents }));
	write_file("$api/status.json", $json->encode(
			{ page => $page, status => $status }));
	write_file("$api/summary.json", $json->encode({
				page => $page,
				status => $status,
				components => \@components,
				incidents => [ grep { $_->{status} ne 'resolved' } @incidents ],
				scheduled_maintenances => [] }));
	write_metrics($metrics, $now) if defined $metrics;
	return;
}

fail('usage: status.pl FOLDER [METRICS]') unless @ARGV == 1 || @ARGV == 2;
main(@ARGV);
