namespace OvirtSpm.Volumes.Sizes;

/// <summary>Why a text is not a size.</summary>
public enum SizeError
{
    None,
    Empty,
    NotANumber,
    Zero,
    Negative,

    /// <summary>Letters behind the number that are not K, M, G or T.</summary>
    UnknownUnit,

    /// <summary>A fraction of a byte, e.g. "1.5" without a unit.</summary>
    NotWholeBytes,
    TooLarge,
}
