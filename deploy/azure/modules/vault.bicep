// A key vault: for the secrets of webhooks, and for a key of your own that encrypts the stores.
param name string
param location string

@description('Make a key, and an identity that may use it and do nothing else.')
param withKey bool

var cryptoUser = 'e147488a-f6f5-4113-8e2d-b22465e65bf6'

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    publicNetworkAccess: 'Disabled'
    networkAcls: {
      // Storage asks for its key as a service that is trusted, and by an identity.
      bypass: 'AzureServices'
      defaultAction: 'Deny'
    }
  }
}

resource key 'Microsoft.KeyVault/vaults/keys@2024-11-01' = if (withKey) {
  parent: vault
  name: 'stores'
  properties: {
    kty: 'RSA'
    keySize: 3072
    keyOps: [
      'wrapKey'
      'unwrapKey'
    ]
    rotationPolicy: {
      lifetimeActions: [
        {
          action: {
            type: 'rotate'
          }
          trigger: {
            timeAfterCreate: 'P1Y'
          }
        }
      ]
    }
  }
}

resource user 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = if (withKey) {
  name: '${name}-stores'
  location: location
}

resource use 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withKey) {
  name: guid(key.id, user.id, cryptoUser)
  scope: key
  properties: {
    principalId: user.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', cryptoUser)
  }
}

output vaultId string = vault.id
output vaultUri string = vault.properties.vaultUri
output keyName string = withKey ? key.name : ''
output keyIdentityId string = withKey ? user.id : ''
