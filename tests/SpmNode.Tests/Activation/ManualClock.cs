namespace OvirtSpm.Node.Tests.Activation;

/// <summary>Time that passes only when a test says so; timers fire on the thread that lets it pass. One that is due at once needs no time: a thread of the pool.</summary>
internal sealed class ManualClock : TimeProvider
{
    readonly Lock guard = new();
    readonly List<Alarm> alarms = [];
    long now;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref now);

    /// <summary>Timers that wait; lets a test know that somebody has begun to wait.</summary>
    public int Timers
    {
        get
        {
            lock (guard)
            {
                return alarms.Count;
            }
        }
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var alarm = new Alarm(this, callback, state);
        alarm.Change(dueTime, period);
        return alarm;
    }

    public void Pass(TimeSpan time)
    {
        var end = Interlocked.Add(ref now, time.Ticks);
        while (true)
        {
            Alarm? due;
            lock (guard)
            {
                due = alarms.Where(alarm => alarm.Due <= end).MinBy(alarm => alarm.Due);
                if (due is null)
                {
                    return;
                }

                alarms.Remove(due);
            }

            due.Callback(due.State);
        }
    }

    sealed class Alarm(ManualClock clock, TimerCallback callback, object? state) : ITimer
    {
        public TimerCallback Callback { get; } = callback;

        public object? State { get; } = state;

        public long Due { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (clock.guard)
            {
                clock.alarms.Remove(this);
                if (dueTime == TimeSpan.Zero)
                {
                    ThreadPool.UnsafeQueueUserWorkItem(static alarm => alarm.Callback(alarm.State), this, preferLocal: false);
                }
                else if (dueTime != Timeout.InfiniteTimeSpan)
                {
                    Due = clock.now + dueTime.Ticks;
                    clock.alarms.Add(this);
                }
            }

            return true;
        }

        public void Dispose()
        {
            lock (clock.guard)
            {
                clock.alarms.Remove(this);
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }
    }
}
