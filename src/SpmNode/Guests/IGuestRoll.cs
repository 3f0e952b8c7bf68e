using OvirtSpm.Node.Api;

namespace OvirtSpm.Node.Guests;

/// <summary>Port: the guests that are watched, kept for the node's next life in the same boot of the machine. They go on writing meanwhile.</summary>
interface IGuestRoll
{
    /// <returns>Nobody after a boot, and where nothing was kept.</returns>
    /// <exception cref="IOException">It cannot be read or believed.</exception>
    IReadOnlyList<WatchGuestRequest> Read();

    /// <exception cref="IOException">What was kept before stays.</exception>
    void Write(IReadOnlyList<WatchGuestRequest> guests);
}
