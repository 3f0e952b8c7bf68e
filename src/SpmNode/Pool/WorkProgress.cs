using OvirtSpm.Volumes.Sizes;

namespace OvirtSpm.Node.Pool;

/// <summary>How far long work is, for people: a line now and then, none for work that is done at once.</summary>
sealed class WorkProgress(string what, long totalBytes, TimeProvider clock, Action<string> say)
{
    static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    long done;
    long said = clock.GetTimestamp();

    public void Add(long bytes)
    {
        done += bytes;
        if (done < totalBytes && clock.GetElapsedTime(said) >= Interval)
        {
            said = clock.GetTimestamp();
            say($"{what}: {100 * done / totalBytes} % of {SizeText.Format(totalBytes)}");
        }
    }
}
