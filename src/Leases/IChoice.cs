namespace OvirtSpm.Leases;

/// <summary>The one source of randomness, so that a simulation can replay every choice.</summary>
public interface IChoice
{
    /// <returns>A number from 0 to <paramref name="count"/> − 1.</returns>
    /// <param name="what">What is being chosen; appears in traces.</param>
    int Pick(int count, string what);
}
